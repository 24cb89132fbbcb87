import { XMLBuilder } from 'fast-xml-parser';
import { randomUUID } from 'node:crypto';

const builder = new XMLBuilder({ ignoreAttributes: false, suppressEmptyNode: true });
const DECLARATION = '<?xml version="1.0" encoding="UTF-8"?>\n';

/** Values of an EC2 answer: members without a value are left out. */
export type XmlMembers = Record<string, unknown>;

/** A list as EC2 writes it: one `item` element each. */
export function items(list: readonly unknown[]): { item: readonly unknown[] } | '' {
  return list.length === 0 ? '' : { item: list };
}

/** The document that answers an action. */
export function actionResponse(action: string, members: XmlMembers): string {
  return (
    DECLARATION +
    builder.build({
      [`${action}Response`]: {
        '@_xmlns': 'http://ec2.amazonaws.com/doc/2016-11-15/',
        requestId: randomUUID(),
        ...members,
      },
    })
  );
}

/** The document that answers a failed action. */
export function errorResponse(code: string, message: string): string {
  return (
    DECLARATION +
    builder.build({
      Response: { Errors: { Error: { Code: code, Message: message } }, RequestID: randomUUID() },
    })
  );
}
