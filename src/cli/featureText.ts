import type { FeatureExample, FeatureGroup, FeaturePage } from '../pages/page.js';

/** A feature's page for people at a terminal. Text of tokens is untrusted: what steers a terminal is shown as its code. */
export function featureText(page: FeaturePage): string {
  return [...statistics(page), ...page.groups.flatMap(groupLines)].join('\n');
}

function statistics(page: FeaturePage): string[] {
  const { feature, label, state, reason, firing, tokens, density, max, mean, topTokens, logits, neighbours } = page;
  const named = label === null ? '' : `: ${visible(label)}`;
  const dead = reason === null ? '' : ` (${reason})`;
  const lines = [
    `Feature ${feature}${named}`,
    `${state}${dead}, fires on ${grouped(firing)} of ${grouped(tokens)} tokens (${percent(density)}), max ${short(max)}, mean ${short(mean)}`,
  ];
  const listed = (name: string, entries: readonly string[]): void => {
    if (entries.length > 0) lines.push(`${name.padEnd(12)}${entries.join('  ')}`);
  };
  listed(
    'fires on',
    topTokens.map(({ token, share }) => `${quoted(token)} ${percent(share)}`),
  );
  listed('raises', logits?.top.map(({ token, value }) => `${quoted(token)} ${short(value)}`) ?? []);
  listed('lowers', logits?.bottom.map(({ token, value }) => `${quoted(token)} ${short(value)}`) ?? []);
  listed(
    'neighbours',
    neighbours.map((neighbour) => `${neighbour.feature} (${neighbour.cosine.toFixed(2)})`),
  );
  return lines;
}

function groupLines(group: FeatureGroup): string[] {
  const title =
    group.name === 'interval'
      ? `${short(group.from)} to ${short(group.to)}, ${percent(group.share)} of its tokens`
      : { top: 'Strongest', random: 'Random' }[group.name];
  return ['', title, ...group.examples.map(exampleLine)];
}

/** The window's text with the focus token between marks. */
function exampleLine({ activation, focus, tokens, row }: FeatureExample): string {
  const text = (from: number, to?: number): string => visible(tokens.slice(from, to).join(''));
  return `${short(activation).padStart(8)}  ${text(0, focus)}»${text(focus, focus + 1)}«${text(focus + 1)}  [row ${row}]`;
}

/** Line breaks as ↵; other control, format and bidirectional characters as their code points. */
function visible(text: string): string {
  return text
    .replaceAll('\n', '↵')
    .replaceAll(/[\p{C}\u2028\u2029]/gu, (character) => `\\u{${character.codePointAt(0)!.toString(16)}}`);
}

function quoted(token: string): string {
  return `"${visible(token)}"`;
}

function short(value: number): string {
  return String(Number(value.toPrecision(4)));
}

function percent(share: number): string {
  return `${Number((100 * share).toPrecision(3))} %`;
}

function grouped(count: number): string {
  return count.toLocaleString('en-US');
}
