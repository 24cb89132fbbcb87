/** The clock of this process, as everything in it that asks for the date sees it. Temporal and PostgreSQL have their own. */
export class MovedClock {
  readonly #real = globalThis.Date;
  #movedMs = 0;

  constructor() {
    const real = this.#real;
    const now = (): number => real.now() + this.#movedMs;
    globalThis.Date = new Proxy(real, {
      construct: (target, args: unknown[], newTarget) =>
        Reflect.construct(target, args.length === 0 ? [now()] : args, newTarget) as object,
      get: (target, member) => (member === 'now' ? now : (Reflect.get(target, member) as unknown)),
    });
  }

  /** Sets it ahead, or back, of the real one. */
  move(byMs: number): void {
    this.#movedMs = byMs;
  }

  /** Sets it right. */
  restore(): void {
    this.#movedMs = 0;
    globalThis.Date = this.#real;
  }
}
