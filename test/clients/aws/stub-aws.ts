import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';

/** What arrived at the stub. */
export interface StubCall {
  headers: IncomingMessage['headers'];
  body: string;
  socket: Socket;
}

/** An HTTP server that answers as the test says; for what the simulator cannot do, such as half an answer. */
export interface StubAws {
  url: string;
  calls: StubCall[];
  /** how the next requests are answered */
  answer: (response: ServerResponse, call: StubCall) => void;
  close(): Promise<void>;
}

/** The access key id with which a call was signed. */
export function signer(call: StubCall | undefined): string | undefined {
  return /Credential=([^/]+)\//.exec(call?.headers.authorization ?? '')?.[1];
}

export async function startStubAws(): Promise<StubAws> {
  const server = createServer((request, response) => {
    let body = '';
    request.setEncoding('utf8');
    request.on('data', (chunk: string) => (body += chunk));
    request.on('end', () => {
      const call = { headers: request.headers, body, socket: request.socket };
      stub.calls.push(call);
      stub.answer(response, call);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const stub: StubAws = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    calls: [],
    answer: (response) => void response.end(),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
  return stub;
}

/** DescribeClusters with one cluster. */
export function answerClusters(response: ServerResponse, cluster: object): void {
  response.setHeader('content-type', 'application/x-amz-json-1.1');
  response.end(JSON.stringify({ Clusters: [cluster] }));
}

/** An answer of EC2's Query protocol. */
export function answerXml(response: ServerResponse, action: string, inner: string): void {
  response.setHeader('content-type', 'text/xml;charset=UTF-8');
  response.end(
    `<${action}Response xmlns="http://ec2.amazonaws.com/doc/2016-11-15/"><requestId>r</requestId>${inner}</${action}Response>`,
  );
}
