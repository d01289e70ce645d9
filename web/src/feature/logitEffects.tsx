import type { ComponentChild } from 'preact';
import type { FeaturePage, LogitEffect } from '../../../src/pages/page.js';
import { signed } from '../text/numbers.js';
import { Quantity } from '../text/quantity.js';
import { TokenText } from '../tokens/tokenText.js';
import { tokenSearch } from './tokenSearch.js';

/** Which next tokens the feature makes more and less likely. */
export function LogitEffects({ logits }: { readonly logits: FeaturePage['logits'] }): ComponentChild {
  if (logits === null) {
    return (
      <section class="card logits">
        <h2>Effect on the next token</h2>
        <p class="muted">Not known: the run was made without an unembedding.</p>
      </section>
    );
  }
  return (
    <section class="card logits">
      <h2>
        Effect on the next token <span class="muted note">logits per unit of activation</span>
      </h2>
      <div class="two">
        <Effects title="more likely" kind="raises" effects={logits.top} />
        <Effects title="less likely" kind="lowers" effects={logits.bottom} />
      </div>
    </section>
  );
}

interface EffectsProperties {
  readonly title: string;
  readonly kind: 'raises' | 'lowers';
  readonly effects: readonly LogitEffect[];
}

function Effects({ title, kind, effects }: EffectsProperties): ComponentChild {
  return (
    <section class={kind}>
      <h3>{title}</h3>
      <ol class="effects">
        {effects.map(({ id, token, value }) => (
          <li key={id}>
            <span>
              <TokenText text={token} blanks link={tokenSearch(id)} />
            </span>
            <Quantity of={value} as={signed(value)} />
          </li>
        ))}
      </ol>
    </section>
  );
}
