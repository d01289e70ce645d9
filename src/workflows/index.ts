/** All workflow types of task queue `riffle`. `shuffleRun` and `fanOut` are started by the others only. */
export { fanOut } from './fanOut.js';
export { pipeline } from './pipeline.js';
export { shuffle, shuffleRun } from './shuffle.js';
export { visualize, visualizeRun } from './visualize.js';
export { verify } from './verify.js';
