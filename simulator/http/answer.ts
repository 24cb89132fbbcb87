/** What a request is answered with. */
export interface Answer {
  status: number;
  contentType: string;
  /** further ones */
  headers?: Record<string, string>;
  body: string;
}

/** A JSON answer of the control API. */
export function json(status: number, body: unknown): Answer {
  return { status, contentType: 'application/json', body: JSON.stringify(body) };
}
