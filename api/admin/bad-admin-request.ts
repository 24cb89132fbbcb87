/** A request of the admin endpoint that cannot be answered as it is: 400 with this message. */
export class BadAdminRequest extends Error {
  override readonly name = 'BadAdminRequest';
}
