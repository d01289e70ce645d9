/** Keeps what was opened last, so that a worker reads a plan or a dataset once, however many tasks it has. */
export class Recent<T> {
  private readonly opened = new Map<string, Promise<T>>();

  /** @param kept how many are kept at hand */
  constructor(private readonly kept: number) {}

  /** What `open` gave for this name before, or gives now. A failure is not kept. */
  get(name: string, open: () => Promise<T>): Promise<T> {
    const known = this.opened.get(name);
    if (known) return known;
    const opening = open();
    this.opened.set(name, opening);
    opening.catch(() => this.opened.delete(name));
    for (const oldest of this.opened.keys()) if (this.opened.size > this.kept) this.opened.delete(oldest);
    return opening;
  }
}
