import type { Client } from 'pg';
import { profileWhereMissed } from '../bench';
import type { Bench } from '../bench';
import { HttpConnection } from '../http-connection';
import { milliseconds, ratioRow } from '../report';
import type { Row } from '../report';
import { signedRequest } from '../signed-request';
import type { Caller } from '../signed-request';
import { median, timed } from '../statistics';

const FEW = 100;
const MANY = 100_000;
const LIMIT = 20;
/** The most that Describe gives in one page. */
const LARGEST_PAGE = 1_000;
/** Pages are read in turns of so many. */
const TURN = 10;
const ACCOUNT = '111122223333';

/** A table with so many stores, behind an API of its own. */
interface Shelf {
  first: Buffer;
  /** a page from the middle */
  deep: Buffer;
  connection: HttpConnection;
}

/** A page of `DescribeCustomKeyStores` with the same Limit, of an account with 100 and of one with 100,000 stores. */
export async function benchPages(bench: Bench): Promise<Row[]> {
  const { world, counts } = bench;
  const open = async (
    size: number,
  ): Promise<Shelf & { close: () => Promise<void>; child: Server['child'] }> => {
    const name = `bench_${String(size)}`;
    const database = await world.openDatabase(name);
    await fill(database, size);
    await database.end();
    const api = await world.startApi({ databaseName: name });
    const shelf = await openShelf({ url: api.url, accountId: ACCOUNT }, size);
    return {
      ...shelf,
      child: api.child,
      close: () => {
        shelf.connection.close();
        return api.child.stop();
      },
    };
  };
  const few = await open(FEW);
  const many = await open(MANY);
  const rows: Row[] = [];
  for (const [which, page] of [
    ['the first page', 'first'],
    ['a page from the middle', 'deep'],
  ] as const) {
    const times = { few: [] as number[], many: [] as number[] };
    for (let read = -counts.warmUp; read < counts.pages; read += TURN) {
      for (const [shelf, taken] of [
        [few, times.few],
        [many, times.many],
      ] as const) {
        for (let repeat = 0; repeat < TURN; repeat += 1) {
          const ms = await timed(() => readPage(shelf.connection, shelf[page]));
          if (read >= 0) taken.push(ms);
        }
      }
    }
    rows.push(
      ratioRow({
        what: `${which} (Limit ${LIMIT}) of ${MANY.toLocaleString('en')} / of ${FEW} stores, p50`,
        ours: median(times.many),
        beside: median(times.few),
        unit: milliseconds,
        target: { most: 1.2 },
      }),
    );
  }
  await profileWhereMissed(bench, rows, {
    children: [many.child],
    load: async () => {
      for (let read = 0; read < counts.pages; read += 1) await readPage(many.connection, many.deep);
    },
  });
  await Promise.all([few.close(), many.close()]);
  return rows;
}

type Server = Awaited<ReturnType<Bench['world']['startApi']>>;

interface Page {
  CustomKeyStores: unknown[];
  NextMarker?: string;
}

async function readPage(connection: HttpConnection, request: Buffer): Promise<Page> {
  const { status, body } = await connection.send(request);
  if (status !== 200) throw new Error(`Describe answered ${status}: ${body}`);
  return JSON.parse(body) as Page;
}

async function openShelf(caller: Caller, size: number): Promise<Shelf> {
  const connection = await HttpConnection.open(caller.url);
  const describe = (input: object): Promise<Buffer> =>
    signedRequest(caller, 'DescribeCustomKeyStores', input);
  let marker: string | undefined;
  for (let seen = 0; seen < size / 2;) {
    const step = Math.min(LARGEST_PAGE, size / 2);
    const page = await readPage(
      connection,
      await describe({ Limit: step, ...(marker && { Marker: marker }) }),
    );
    seen += page.CustomKeyStores.length;
    marker = page.NextMarker;
    if (marker === undefined) throw new Error(`there are only ${seen} of ${size} stores`);
  }
  const shelf = {
    connection,
    first: await describe({ Limit: LIMIT }),
    deep: await describe({ Limit: LIMIT, Marker: marker }),
  };
  for (const request of [shelf.first, shelf.deep]) {
    const { CustomKeyStores } = await readPage(connection, request);
    if (CustomKeyStores.length !== LIMIT) throw new Error(`a page has ${CustomKeyStores.length} entries`);
  }
  return shelf;
}

/** Stores as Create leaves them, a millisecond apart, with a certificate of usual length. */
async function fill(database: Client, size: number): Promise<void> {
  await database.query(
    `INSERT INTO custom_key_stores (id, account_id, name, type, created_at, cloud_hsm_cluster_id,
       trust_anchor_certificate, cluster_certificate_fingerprint, given_password_hash)
     SELECT 'cks-' || lpad(to_hex(n), 17, '0'), $1, 'store ' || n, 'AWS_CLOUDHSM',
       now() - make_interval(days => 1) + make_interval(secs => n / 1000.0), 'cluster-' || n,
       repeat('x', 1200), md5(n::text), decode(md5(n::text), 'hex')
     FROM generate_series(1, $2::int) AS n`,
    [ACCOUNT, size],
  );
  await database.query('VACUUM ANALYZE custom_key_stores');
}
