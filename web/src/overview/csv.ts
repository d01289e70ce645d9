/**
 * A record of a CSV file (RFC 4180), with its line end.
 * @param cells texts are untrusted; numbers print as ECMAScript prints them
 */
export function csvRecord(cells: readonly (string | number | null)[]): string {
  return `${cells.map(cellOf).join(',')}\r\n`;
}

function cellOf(cell: string | number | null): string {
  if (cell === null) return '';
  if (typeof cell === 'number') return String(cell);
  const harmless = withoutFormulas(cell.replaceAll('\0', '\\u{0}'));
  return /^\s|\s$|[",;\t\r\n]/.test(harmless) ? `"${harmless.replaceAll('"', '""')}"` : harmless;
}

/**
 * Spreadsheet programs run what begins with one of these as a formula, some also behind white space, and in some countries
 * a semicolon begins a cell: an apostrophe says that it is text (OWASP, "CSV Injection").
 */
function withoutFormulas(text: string): string {
  return text.replaceAll(/(^|[;\t\r\n])(?=\s*[=+\-@\uff1d\uff0b\uff0d\uff20])|^(?=[\t\r\n])/g, "$1'");
}
