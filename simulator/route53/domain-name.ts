import { route53Error } from './errors';
import { canonicalName } from '../world/dns-names';

/** A name of a request as Route 53 keeps it; throws `InvalidDomainName`. */
export function domainName(text: string): string {
  const name = canonicalName(text);
  if (name === undefined) throw route53Error('InvalidDomainName', `${text} is not a valid domain name.`);
  return name;
}
