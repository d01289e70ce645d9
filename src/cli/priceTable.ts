import { join } from 'node:path';
import type { PriceTable } from '../shuffle/prices.js';
import { priceTableSchema } from '../shuffle/prices.js';
import { ratesSchema } from '../shuffle/rates.js';
import type { Rates } from '../shuffle/rates.js';
import { packageFolder } from '../packageFolder.js';
import { checkInput } from '../validation.js';
import { readInputFile } from './inputFile.js';

/** Reads a price table: the one that ships with riffle, or a file. @throws InvalidInput */
export async function readPriceTable(path = join(packageFolder(), 'prices.json')): Promise<PriceTable> {
  return checkInput(priceTableSchema, await readInputFile(path), `price table ${path} as`);
}

/** Reads measured rates. @throws InvalidInput */
export async function readRates(path: string): Promise<Rates> {
  return checkInput(ratesSchema, await readInputFile(path), `rates file ${path} as`);
}
