import { LabelsInvalid } from '../errors.js';

/** No label is longer. */
const mostCharacters = 10_000;

/**
 * Reads labels: a line of JSON `{"feature": 7, "label": "…"}` each; other fields are ignored. The first label of a
 * feature counts.
 * @param features of the SAE
 * @throws LabelsInvalid that names the line
 */
export function parseLabels(data: Uint8Array, features: number, where: string): Map<number, string> {
  const fault = (line: number, what: string): LabelsInvalid =>
    new LabelsInvalid(`Line ${line} of ${where} ${what}. A label is a line such as {"feature": 7, "label": "dates"}.`, {
      labels: where,
      line,
    });
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(data);
  } catch {
    throw new LabelsInvalid(`${where} is not UTF-8: labels are lines of JSON.`, { labels: where });
  }
  const labels = new Map<number, string>();
  for (const [index, line] of text.split('\n').entries()) {
    if (line.trim() === '') continue;
    let value: { feature?: unknown; label?: unknown } | null;
    try {
      value = JSON.parse(line) as typeof value;
    } catch {
      throw fault(index + 1, 'is not JSON');
    }
    const feature = Number(value?.feature);
    const label = value?.label;
    if (!Number.isSafeInteger(feature) || feature < 0 || feature >= features) {
      throw fault(index + 1, `has no feature below ${features}`);
    }
    if (typeof label !== 'string' || label.length > mostCharacters) {
      throw fault(index + 1, `has no label, a text of up to ${mostCharacters} characters`);
    }
    if (!labels.has(feature)) labels.set(feature, label);
  }
  return labels;
}
