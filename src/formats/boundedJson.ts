/** What JSON from outside may hold, so that parsing it cannot exhaust memory or the stack. */
export interface JsonLimits {
  /** Objects and arrays inside each other. */
  readonly depth: number;
  /** Elements and members of all arrays and objects together. */
  readonly values: number;
}

const quote = 0x22;
const backslash = 0x5c;
const comma = 0x2c;
const openBrace = 0x7b;
const closeBrace = 0x7d;
const openBracket = 0x5b;
const closeBracket = 0x5d;

/**
 * Parses JSON that may be hostile.
 * @throws SyntaxError for text that is not JSON, or beyond the limits; the message is fit for people
 */
export function parseBoundedJson(text: string, limits: JsonLimits): unknown {
  let depth = 0;
  let values = 0;
  for (let at = 0; at < text.length; at++) {
    switch (text.charCodeAt(at)) {
      case quote:
        at = endOfString(text, at);
        break;
      case openBrace:
      case openBracket:
        if (++depth > limits.depth) throw new SyntaxError(`it is nested deeper than ${limits.depth} levels`);
        values++;
        break;
      case closeBrace:
      case closeBracket:
        depth--;
        break;
      case comma:
        values++;
        break;
    }
    if (values > limits.values) throw new SyntaxError(`it holds more than ${limits.values} values`);
  }
  return JSON.parse(text) as unknown;
}

/**
 * The member names of the object that `text` holds, as written and in the order of the text: what `JSON.parse` hides
 * (it keeps the last of equal names, and moves names that look like numbers to the front).
 * @param text valid JSON: `parseBoundedJson` accepted it
 */
export function memberNames(text: string): string[] {
  const names: string[] = [];
  let depth = 0;
  let nameComes = false;
  for (let at = 0; at < text.length; at++) {
    switch (text.charCodeAt(at)) {
      case quote: {
        const end = endOfString(text, at);
        if (nameComes && depth === 1) names.push(JSON.parse(text.slice(at, end + 1)) as string);
        nameComes = false;
        at = end;
        break;
      }
      case openBrace:
      case openBracket:
        depth++;
        nameComes = true;
        break;
      case closeBrace:
      case closeBracket:
        depth--;
        break;
      case comma:
        nameComes = true;
        break;
    }
  }
  return names;
}

/** Index of the quote that ends the string that begins at `start`, or the text's length when nothing ends it. */
function endOfString(text: string, start: number): number {
  let at = start + 1;
  while (at < text.length && text.charCodeAt(at) !== quote) at += text.charCodeAt(at) === backslash ? 2 : 1;
  return at;
}
