/** A worker process that takes no tasks: it gets ready, and ends when it is told to. */
process.on('SIGTERM', () => process.exit(0));
setInterval(() => undefined, 1000);
process.stdout.write(`budget ${process.env.RIFFLE_WORKER_MEMORY}, Temporal ${process.env.TEMPORAL_ADDRESS}\n`);
process.stdout.write('worker ready\n');
