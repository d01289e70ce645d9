/** A small seeded generator for tests (C. Doty-Humphrey's sfc32), unrelated to the streams of the shuffle. */
export class Sfc32 {
  private a = 0x9e3779b9;
  private b = 0x243f6a88;
  private c = 0xb7e15162;
  private counter = 1;

  constructor(seed: number) {
    this.a ^= seed;
    for (let i = 0; i < 20; i++) this.uint32();
  }

  uint32(): number {
    const result = (((this.a + this.b) | 0) + this.counter) | 0;
    this.counter = (this.counter + 1) | 0;
    this.a = this.b ^ (this.b >>> 9);
    this.b = (this.c + (this.c << 3)) | 0;
    this.c = (((this.c << 21) | (this.c >>> 11)) + result) | 0;
    return result >>> 0;
  }

  /** A multiple of 2^-53 in [0, 1). */
  uniform(): number {
    return ((this.uint32() >>> 11) * 2 ** 32 + this.uint32()) * 2 ** -53;
  }
}
