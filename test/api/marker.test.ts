import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { Markers } from '../../api/marker';

const markers = new Markers(randomBytes(32), 'us-east-1');

const HEX = fc.constantFrom(...'0123456789abcdef');
const position = fc.record({
  createdAt: fc.date({ noInvalidDate: true }),
  id: fc.array(HEX, { minLength: 17, maxLength: 17 }).map((digits) => `cks-${digits.join('')}`),
});
const account = fc
  .array(fc.constantFrom(...'0123456789'), { minLength: 12, maxLength: 12 })
  .map((d) => d.join(''));

test('every position comes back from its marker, which fits the model', () => {
  fc.assert(
    fc.property(account, position, (accountId, where) => {
      const marker = markers.write(accountId, where);
      expect(marker).toMatch(/^[\u0020-\u00ff]{1,1024}$/);
      expect(markers.read(accountId, marker)).toEqual(where);
    }),
  );
});

test('a marker with any character changed, dropped or added is none', () => {
  fc.assert(
    fc.property(account, position, fc.nat(), fc.string({ maxLength: 3 }), (accountId, where, at, other) => {
      const marker = markers.write(accountId, where);
      const index = at % marker.length;
      const forged = marker.slice(0, index) + other + marker.slice(index + 1);
      fc.pre(forged !== marker);
      expect(markers.read(accountId, forged)).toBeUndefined();
    }),
  );
});

test('text that was never a marker is none', () => {
  fc.assert(
    fc.property(account, fc.string({ minLength: 1, unit: 'binary' }), (accountId, text) => {
      expect(markers.read(accountId, text)).toBeUndefined();
    }),
  );
});

test("a marker of another account, another Region or another deployment's key is none", () => {
  const key = randomBytes(32);
  fc.assert(
    fc.property(account, account, position, (one, other, where) => {
      const marker = new Markers(key, 'us-east-1').write(one, where);
      expect(new Markers(key, 'us-east-1').read(one, marker)).toEqual(where);
      expect(new Markers(key, 'eu-west-1').read(one, marker)).toBeUndefined();
      expect(new Markers(randomBytes(32), 'us-east-1').read(one, marker)).toBeUndefined();
      if (other !== one) expect(new Markers(key, 'us-east-1').read(other, marker)).toBeUndefined();
    }),
  );
});

test('every single bit of a marker counts, and so does every byte of its length', () => {
  fc.assert(
    fc.property(account, position, (accountId, where) => {
      const marker = markers.write(accountId, where);
      const bytes = Buffer.from(marker, 'base64url');
      for (let bit = 0; bit < bytes.length * 8; bit += 1) {
        const forged = Buffer.from(bytes);
        forged.writeUInt8(forged.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3);
        expect(markers.read(accountId, forged.toString('base64url'))).toBeUndefined();
      }
      for (let length = 0; length < bytes.length; length += 1) {
        expect(markers.read(accountId, bytes.toString('base64url', 0, length))).toBeUndefined();
        expect(markers.read(accountId, bytes.toString('base64url', length + 1))).toBeUndefined();
      }
      expect(markers.read(accountId, `${marker}${marker}`)).toBeUndefined();
      expect(markers.read(accountId, `${marker}=`)).toBeUndefined();
    }),
    { numRuns: 5 },
  );
});
