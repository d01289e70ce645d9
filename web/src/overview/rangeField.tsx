import type { ComponentChild } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import type { Range } from './filters.js';

interface Properties {
  /** What is bounded. */
  readonly name: string;
  readonly range: Range | undefined;
  /** Whether people write it as a percentage. */
  readonly percent?: boolean;
  readonly onChange: (range: Range | undefined) => void;
}

/** Two fields for the bounds of a range; an empty one leaves it open. What is written counts from Enter or leaving on. */
export function RangeField({ name, range = {}, percent = false, onChange }: Properties): ComponentChild {
  const set = (bound: keyof Range, value: number | undefined): void => {
    const { [bound]: _before, ...other } = range;
    const changed = value === undefined ? other : { ...other, [bound]: value };
    onChange(Object.keys(changed).length > 0 ? changed : undefined);
  };
  return (
    <fieldset class="range">
      <legend>
        {name}
        {percent && ' %'}
      </legend>
      <Bound name={`${name} from`} value={range.from} percent={percent} onChange={(value) => set('from', value)} />
      <span aria-hidden="true">–</span>
      <Bound name={`${name} to`} value={range.to} percent={percent} onChange={(value) => set('to', value)} />
    </fieldset>
  );
}

interface BoundProperties {
  readonly name: string;
  readonly value: number | undefined;
  readonly percent: boolean;
  readonly onChange: (value: number | undefined) => void;
}

function Bound({ name, value, percent, onChange }: BoundProperties): ComponentChild {
  const [written, setWritten] = useState('');
  const [wrong, setWrong] = useState(false);
  useEffect(() => {
    setWritten(value === undefined ? '' : shiftDecimal(String(value), percent ? 2 : 0));
    setWrong(false);
  }, [value, percent]);
  const take = (input: string): void => {
    const text = input.trim().replace(',', '.');
    const bound = text === '' ? undefined : Number(shiftDecimal(text, percent ? -2 : 0));
    const isBound = bound === undefined || (Number.isFinite(bound) && bound >= 0);
    setWrong(!isBound);
    if (isBound && bound !== value) onChange(bound);
  };
  return (
    <input
      type="text"
      inputMode="decimal"
      autocomplete="off"
      aria-label={percent ? `${name}, percent` : name}
      aria-invalid={wrong}
      placeholder="any"
      value={written}
      onInput={({ currentTarget }) => setWritten(currentTarget.value)}
      onChange={({ currentTarget }) => take(currentTarget.value)}
    />
  );
}

/** A decimal's text times ten to the power of `places`, without the error of a product: 0.7 % is 0.007. */
export function shiftDecimal(text: string, places: number): string {
  const [digits = '', exponent = '0'] = text.toLowerCase().split('e');
  return places === 0 ? text : String(Number(`${digits}e${Number(exponent) + places}`));
}
