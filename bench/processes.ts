import { readdirSync, readFileSync } from 'node:fs';

/** Clock ticks of /proc a second; Linux has never had others. */
const ticksPerSecond = 100;

/** CPU time of a process with all its threads, seconds. */
export function cpuSeconds(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) / ticksPerSecond;
}

/** The most memory that a process has held since `resetPeak`, bytes. */
export function peakBytes(pid: number): number {
  const [, kibibytes] = /^VmHWM:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
  return Number(kibibytes) * 1024;
}

/** CPU time of each of our child processes so far, seconds, by program and process id. */
export function childrenCpuSeconds(): Map<string, number> {
  const seconds = new Map<string, number>();
  for (const thread of readdirSync('/proc/self/task')) {
    const children = readFileSync(`/proc/self/task/${thread}/children`, 'utf8').split(' ').filter(Boolean);
    for (const pid of children.map(Number)) {
      const program = readFileSync(`/proc/${pid}/comm`, 'utf8').trim();
      seconds.set(`${program} ${pid}`, cpuSeconds(pid));
    }
  }
  return seconds;
}
