/** The Python literals that npy headers are made of; tuples and lists are arrays alike. */
export type PythonValue = string | boolean | number | readonly PythonValue[];

/** Structured dtypes nest; nothing that riffle reads does. */
const maxDepth = 16;

/**
 * Parses one Python dict literal with strings for keys, and values of strings without escapes, `True`, `False`,
 * non-negative integers, tuples and lists of these. White space may follow it. Takes time linear in the text.
 * @throws SyntaxError that says what was expected where
 */
export function parsePythonDict(text: string): ReadonlyMap<string, PythonValue> {
  return new Parser(text).dict();
}

class Parser {
  private at = 0;

  constructor(private readonly text: string) {}

  dict(): ReadonlyMap<string, PythonValue> {
    const entries = new Map<string, PythonValue>();
    this.expect('{');
    while (!this.accept('}')) {
      const key = this.string();
      if (entries.has(key)) this.fail(`a key other than ${JSON.stringify(key)}, which was there before`);
      this.expect(':');
      entries.set(key, this.value(0));
      if (!this.accept(',')) {
        this.expect('}');
        break;
      }
    }
    this.skipSpace();
    if (this.at < this.text.length) this.fail('the end');
    return entries;
  }

  private value(depth: number): PythonValue {
    if (depth > maxDepth) this.fail('less nesting');
    this.skipSpace();
    const next = this.text[this.at] ?? '';
    if (next === "'" || next === '"') return this.string();
    if (next === '(') return this.sequence('(', ')', depth);
    if (next === '[') return this.sequence('[', ']', depth);
    if (next >= '0' && next <= '9') return this.integer();
    if (this.accept('True')) return true;
    if (this.accept('False')) return false;
    return this.fail('a string, an integer, True, False or a tuple');
  }

  private sequence(open: string, close: string, depth: number): readonly PythonValue[] {
    const entries: PythonValue[] = [];
    this.expect(open);
    let comma = true;
    while (!this.accept(close)) {
      if (!comma) this.fail(`"," or "${close}"`);
      entries.push(this.value(depth + 1));
      comma = this.accept(',');
    }
    // (3) is a number in brackets, and (3,) a tuple.
    if (open === '(' && entries.length === 1 && !comma) this.fail('"," in a tuple of one');
    return entries;
  }

  private string(): string {
    this.skipSpace();
    const quote = this.text[this.at];
    if (quote !== "'" && quote !== '"') return this.fail('a string');
    const end = this.text.indexOf(quote, this.at + 1);
    const value = this.text.slice(this.at + 1, end);
    if (end < 0 || /[\\\n\r]/.test(value)) return this.fail('a string without escapes');
    this.at = end + 1;
    return value;
  }

  private integer(): number {
    const start = this.at;
    while (this.at < this.text.length && /[0-9]/.test(this.text.charAt(this.at))) this.at++;
    return Number(this.text.slice(start, this.at));
  }

  private accept(token: string): boolean {
    this.skipSpace();
    if (!this.text.startsWith(token, this.at)) return false;
    this.at += token.length;
    return true;
  }

  private expect(token: string): void {
    if (!this.accept(token)) this.fail(`"${token}"`);
  }

  private skipSpace(): void {
    while (this.at < this.text.length && ' \t\r\n'.includes(this.text.charAt(this.at))) this.at++;
  }

  private fail(expected: string): never {
    throw new SyntaxError(`expected ${expected} at character ${this.at} of its dict`);
  }
}
