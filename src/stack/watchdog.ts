import { spawn, type ChildProcess } from 'node:child_process';

/**
 * Reads `+ pid` and `- pid` lines; at their end (the writer stopped, or was killed) it ends the processes that are
 * still on its list: SIGTERM, after 5 s SIGKILL.
 */
const script = `
pids=""
while read -r change pid; do
  others=""
  for p in $pids; do [ "$p" = "$pid" ] || others="$others $p"; done
  pids="$others"
  [ "$change" = "+" ] && pids="$pids $pid"
done
[ -n "$pids" ] || exit 0
kill -TERM $pids 2>/dev/null
tries=0
while [ $tries -lt 50 ]; do
  alive=""
  for p in $pids; do kill -0 $p 2>/dev/null && alive="$alive $p"; done
  [ -n "$alive" ] || exit 0
  pids="$alive"
  sleep 0.1
  tries=$((tries + 1))
done
kill -KILL $pids 2>/dev/null
`;

/**
 * A tiny process that outlives this one by a moment: a process killed by SIGKILL cannot end its children itself.
 * A shell, because it takes 1 MB where a second Node takes 40.
 */
export class Watchdog {
  private readonly shell: ChildProcess;

  constructor() {
    // Detached: Ctrl-C in a terminal goes to the whole foreground group and must not end the watchdog first.
    this.shell = spawn('sh', ['-c', script], { stdio: ['pipe', 'ignore', 'ignore'], detached: true });
    this.shell.stdin?.on('error', () => undefined);
  }

  watch(pid: number): void {
    this.shell.stdin?.write(`+ ${pid}\n`);
  }

  forget(pid: number): void {
    this.shell.stdin?.write(`- ${pid}\n`);
  }

  /** Resolves when the watchdog has ended; call it when no child is left. */
  async close(): Promise<void> {
    if (this.shell.exitCode !== null || this.shell.signalCode !== null) return;
    const closed = new Promise<void>((resolve) => this.shell.once('exit', () => resolve()));
    this.shell.stdin?.end();
    await closed;
  }
}
