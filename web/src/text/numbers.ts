/** Numbers as people read them. Exact values stand beside them in the page (component `Quantity`). */

/** Four significant digits: `12.5`, `0.003177`, `1.235e-9`. */
export function short(value: number): string {
  return String(Number(value.toPrecision(4)));
}

/**
 * Numbers of one column, with as many decimals as give the largest of them four digits: `12.50` below `9.75`.
 * @param largest of the column
 */
export function aligned(value: number, largest: number): string {
  const decimals = largest > 0 ? 3 - Math.floor(Math.log10(largest)) : 0;
  return decimals > 8 ? value.toExponential(2) : value.toFixed(Math.max(0, decimals));
}

/** Two decimals and a real minus sign. */
export function signed(value: number): string {
  return value.toFixed(2).replace('-', '−');
}

/** `25,600` */
export function grouped(count: number): string {
  return count.toLocaleString('en-US');
}

/** Three significant digits: `2.08 %`; never `0 %` for what is not 0, and never `100 %` for less. */
export function percent(share: number): string {
  const rounded = Number((100 * share).toPrecision(3));
  return rounded === 100 && share < 1
    ? 'nearly 100 %'
    : `${rounded < 0.0001 && share > 0 ? rounded.toExponential() : rounded} %`;
}

/** How rare: `1 in 48`; undefined where every second token or more fires, or none. */
export function oneIn(share: number): string | undefined {
  if (share <= 0 || share > 0.5) return undefined;
  const tokens = 1 / share;
  return `1 in ${grouped(tokens < 10 ? Number(tokens.toFixed(1)) : Math.round(tokens))}`;
}

/** `9.5 MB`, in powers of ten. */
export function byteSize(bytes: number): string {
  const units = ['bytes', 'kB', 'MB', 'GB', 'TB', 'PB'];
  let [value, unit] = [bytes, 0];
  for (; value >= 1000 && unit < units.length - 1; unit++) value /= 1000;
  return `${Number(value.toPrecision(3))} ${units[unit]}`;
}
