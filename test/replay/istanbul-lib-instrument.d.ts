/** What jest counts with (its own dependency, which comes without types): as much of it as is used here. */
declare module 'istanbul-lib-instrument' {
  export interface Instrumenter {
    instrumentSync(code: string, filename: string): string;
  }
  export function createInstrumenter(options: {
    esModules: boolean;
    compact: boolean;
    coverageGlobalScopeFunc: boolean;
    coverageGlobalScope: string;
  }): Instrumenter;
}
