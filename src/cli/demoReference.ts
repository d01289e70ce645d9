import type { FeatureExample, FeaturePage } from '../pages/page.js';

/** Answers about the sample that another program computed: examples/reference.json, whose rules and tolerances these are. */
export interface Reference {
  readonly per_feature: {
    readonly fires: readonly number[];
    readonly max: readonly number[];
    readonly sum: readonly number[];
    /** Tokens on which rounding may decide whether the feature fires. */
    readonly near_threshold: readonly number[];
  };
  readonly features: readonly ReferenceFeature[];
}

interface ReferenceFeature {
  readonly feature: number;
  readonly top: readonly (readonly [row: number, activation: number])[];
  readonly windows: readonly {
    readonly token: number;
    readonly first: number;
    readonly tokens: readonly number[];
    readonly activations: readonly number[];
  }[];
  readonly logits_top: readonly (readonly [id: number, value: number])[];
  readonly logits_bottom: readonly (readonly [id: number, value: number])[];
}

/**
 * What is wrong with a page; empty when it agrees.
 * @param page made with windows of 16 + 16 tokens, 20 examples in the top group and `distinct: "none"`
 */
export function differences(page: FeaturePage, { per_feature: all, features }: Reference): string[] {
  const { feature } = page;
  const faults: string[] = [];
  const expect = (holds: boolean, what: string): void => void (holds || faults.push(`feature ${feature}: ${what}`));
  const flips = all.near_threshold[feature]!;
  const fires = all.fires[feature]!;
  const sum = page.mean * page.firing;
  // A token that flips adds or takes about a threshold, of which the maximum is a bound.
  const sumTolerance = fires * 5e-4 + 1e-5 * all.sum[feature]! + flips * (1 + all.max[feature]!);
  expect(Math.abs(page.firing - fires) <= flips, `fires on ${page.firing} tokens, not ${fires}`);
  expect(isNear(page.max, all.max[feature]!), `its maximum is ${page.max}, not ${all.max[feature]}`);
  expect(Math.abs(sum - all.sum[feature]!) <= sumTolerance, `its sum is ${sum}, not ${all.sum[feature]}`);
  const listed = features.find((each) => each.feature === feature);
  if (!listed) return faults;

  const top = page.groups.find(({ name }) => name === 'top')?.examples ?? [];
  expect(top.length === listed.top.length, `has ${top.length} top examples, not ${listed.top.length}`);
  for (const [rank, [row, activation]] of listed.top.entries()) {
    expect(isNear(top[rank]?.activation ?? NaN, activation), `top example ${rank} is not ${activation}`);
    const found = top.find((example) => example.row === row);
    expect(found !== undefined && isNear(found.activation, activation), `row ${row} is not in the top`);
  }
  for (const window of listed.windows) {
    const example = top.find(({ row }) => row === window.token);
    expect(example !== undefined && isWindow(example, window), `its window at row ${window.token} is another`);
  }
  for (const [name, expected] of [
    ['top', listed.logits_top],
    ['bottom', listed.logits_bottom],
  ] as const) {
    const found = page.logits?.[name] ?? [];
    const same = expected.every(
      ([id, value], rank) =>
        isNear(found[rank]?.value ?? NaN, value, 1e-4, 1e-4) &&
        (found[rank]?.id === id || found.some((other) => other.id === id && isNear(other.value, value, 1e-4, 1e-4))),
    );
    expect(found.length === expected.length && same, `its ${name} logit effects are others`);
  }
  return faults;
}

function isWindow(example: FeatureExample, window: ReferenceFeature['windows'][number]): boolean {
  return (
    example.row - example.focus === window.first &&
    String(example.ids) === String(window.tokens) &&
    example.values.every((value, index) => value !== null && isNear(value, window.activations[index]!))
  );
}

function isNear(found: number, expected: number, absolute = 5e-4, relative = 1e-5): boolean {
  return Math.abs(found - expected) <= absolute + relative * Math.abs(expected);
}
