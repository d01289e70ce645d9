import { bindKernels } from '../../src/memory/kernels.js';

const kernels = bindKernels(new WebAssembly.Memory({ initial: 1 }));

/** The sampler of the table's cells: a function from one of 2^53 uniforms to the number of good items drawn. */
export const hypergeometric = kernels.hypergeometric.bind(kernels);

/** The saddle point's 1 / P(table), by its four cells. */
export const inverseProbability = kernels.inverseProbability.bind(kernels);

/** From this smallest cell on the saddle point is used. */
export const smallestSaddleCell = kernels.smallestSaddleCell.value;
