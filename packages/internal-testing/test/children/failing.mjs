console.error('cannot start');
process.exitCode = 3;
