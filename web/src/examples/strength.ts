/** The faintest colour of a token that fires, in percent: it must be seen that it fires at all. */
const least = 12;

/**
 * How strongly a token is coloured, in percent of the full colour: proportional to its activation, from a floor on, in
 * whole steps.
 * @param max the feature's highest activation, which has the full colour
 */
export function strength(activation: number, max: number): number {
  if (!(activation > 0) || !(max > 0)) return 0;
  return Math.round(least + (100 - least) * Math.min(1, activation / max));
}
