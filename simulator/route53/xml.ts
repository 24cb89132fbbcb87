import { XMLBuilder, XMLParser, XMLValidator } from 'fast-xml-parser';
import { randomUUID } from 'node:crypto';
import { route53Error } from './errors';

const NAMESPACE = 'https://route53.amazonaws.com/doc/2013-04-01/';
const DECLARATION = '<?xml version="1.0" encoding="UTF-8"?>\n';

/** Lists of the requests: the element around them → the element of each. */
const LISTS: Record<string, string> = {
  Changes: 'Change',
  ResourceRecords: 'ResourceRecord',
  AddTags: 'Tag',
  RemoveTagKeys: 'Key',
  ResourceIds: 'ResourceId',
};

const builder = new XMLBuilder({ ignoreAttributes: false, suppressEmptyNode: true });
const parser = new XMLParser({
  ignoreDeclaration: true,
  parseTagValue: false,
  // white space belongs to a value, for instance of a TXT record
  trimValues: false,
  isArray: (element, path) => LISTS[String(path).split('.').at(-2) ?? ''] === element,
});

/** Members of an answer; those without a value are left out. */
export type XmlMembers = Record<string, unknown>;

/** A list as Route 53 writes it: an element around, one inside for each. */
export function listOf(element: string, list: readonly unknown[]): XmlMembers | '' {
  return list.length === 0 ? '' : { [element]: list };
}

/** The document that answers an operation. */
export function operationResponse(operation: string, members: XmlMembers): string {
  return DECLARATION + builder.build({ [`${operation}Response`]: { '@_xmlns': NAMESPACE, ...members } });
}

/** The document that answers a failed operation. */
export function errorResponse(status: number, code: string, message: string): string {
  return (
    DECLARATION +
    builder.build({
      ErrorResponse: {
        '@_xmlns': NAMESPACE,
        Error: { Type: status < 500 ? 'Sender' : 'Receiver', Code: code, Message: message },
        RequestId: randomUUID(),
      },
    })
  );
}

/**
 * The members of a request's document by their API names, all values as text; a list is an array.
 * Throws `InvalidInput` where it is no XML.
 */
export function readDocument(text: string): XmlMembers {
  if (XMLValidator.validate(text) !== true) throw route53Error('InvalidInput', 'The request is not XML.');
  const [root] = Object.values(parser.parse(text) as XmlMembers);
  const members = plain(root);
  return typeof members === 'object' && members !== null ? (members as XmlMembers) : {};
}

function plain(node: unknown): unknown {
  if (Array.isArray(node)) return node.map(plain);
  if (typeof node !== 'object' || node === null) return node;
  const members = Object.entries(node).filter(([name]) => name !== '#text');
  return Object.fromEntries(
    members.map(([name, child]) => {
      const element = LISTS[name];
      return [name, element === undefined ? plain(child) : plain((child as XmlMembers)[element] ?? [])];
    }),
  );
}
