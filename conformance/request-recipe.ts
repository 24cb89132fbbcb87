import type { Operation } from './specification';

/** Values of requestMetadata; what a recipe does not name is as KMS would send it, and undefined leaves a member out. */
export type RequestMetadata = Readonly<Record<string, unknown>>;

/** Which of the keys that the command line names. */
export type KeyChoice = 'main' | 'disabled' | 'encrypt-only' | 'decrypt-only' | 'unknown';

/** How the signature departs from KMS's. */
export interface SigningRecipe {
  /** `none`: no Authorization header */
  scheme?: 'sigv4' | 'none';
  accessKeyId?: 'right' | 'unknown';
  secret?: 'right' | 'wrong';
  /** of the scope */
  service?: string;
  /** the Region with which the signature is made; the scope names the right one */
  madeForRegion?: string;
  /** moves X-Amz-Date, minutes */
  clockMinutes?: number;
  /** headers beside the two of KMS, sent and signed */
  alsoSigned?: Readonly<Record<string, string>>;
  /** the signature is over this and not over what is sent */
  overBody?: string;
  /** the signature is over the path with this added */
  overPathSuffix?: string;
}

/** One request, as data. Everything that is not said is as KMS sends it. */
export interface RequestRecipe {
  operation: Operation;
  key?: KeyChoice;
  metadata?: RequestMetadata;
  /** bytes, random; what is undefined is not sent. Encrypt only. */
  plaintextBytes?: number;
  additionalDataBytes?: number | undefined;
  /** asks for the data integrity value. Encrypt only. */
  integrity?: boolean;
  /** changes members of the body last of all; undefined leaves a member out */
  members?: Readonly<Record<string, unknown>>;
  /** sent in place of the JSON body */
  rawBody?: string;
  method?: string;
  /** put between the path of the proxy and the operation's: a path that the proxy does not have */
  pathInsert?: string;
  signing?: SigningRecipe;
}

/** The key of a recipe; requests about the proxy's health name none. */
export function keyOf(recipe: RequestRecipe): KeyChoice | undefined {
  return recipe.operation === 'health' ? undefined : (recipe.key ?? 'main');
}
