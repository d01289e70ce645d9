import { readFile } from 'node:fs/promises';
import { InvalidInput } from '../errors.js';
import { parseBoundedJson } from '../formats/boundedJson.js';

/** Reads a workflow's input: a JSON file, or standard input for `-`. @throws InvalidInput */
export async function readInputFile(path: string): Promise<unknown> {
  let text: string;
  try {
    text = path === '-' ? await readStandardInput() : await readFile(path, 'utf8');
  } catch (error) {
    throw new InvalidInput(`The input file ${path} cannot be read: ${(error as Error).message}.`, { path });
  }
  try {
    return parseBoundedJson(text, { depth: 32, values: 100_000 });
  } catch (error) {
    throw new InvalidInput(`The input file ${path} is not JSON: ${(error as Error).message}.`, { path });
  }
}

async function readStandardInput(): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of process.stdin) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString('utf8');
}
