/** What was loaded, by key; what was used least lately goes first. A failure is not kept: it is tried again when wanted. */
export class Loaded<Key, Value> {
  private readonly entries = new Map<Key, { readonly promise: Promise<Value>; value?: Value }>();

  /** @param most how many are kept */
  constructor(private readonly most: number) {}

  get(key: Key, load: () => Promise<Value>): Promise<Value> {
    const known = this.entries.get(key);
    if (known) {
      this.entries.delete(key);
      this.entries.set(key, known);
      return known.promise;
    }
    const entry: { promise: Promise<Value>; value?: Value } = { promise: load() };
    this.entries.set(key, entry);
    entry.promise.then(
      (value) => (entry.value = value),
      () => this.entries.get(key) === entry && this.entries.delete(key),
    );
    for (const oldest of this.entries.keys()) if (this.entries.size > this.most) this.entries.delete(oldest);
    return entry.promise;
  }

  /** The value, if it is there already. */
  peek(key: Key): Value | undefined {
    return this.entries.get(key)?.value;
  }
}
