import { spawnSync } from 'node:child_process';

/** A Python that can import all these modules ($RIFFLE_TEST_PYTHON or python3), or undefined. */
export function findPython(...modules: string[]): string | undefined {
  const python = process.env.RIFFLE_TEST_PYTHON ?? 'python3';
  const { status } = spawnSync(python, ['-c', `import ${modules.join(', ')}`]);
  return status === 0 ? python : undefined;
}

/** Runs a program and returns what it prints. */
export function runPython(python: string, program: string, ...args: string[]): string {
  const { status, stdout, stderr } = spawnSync(python, ['-c', program, ...args], { encoding: 'utf8' });
  if (status !== 0) throw new Error(`Python ended with ${status}: ${stderr}`);
  return stdout;
}
