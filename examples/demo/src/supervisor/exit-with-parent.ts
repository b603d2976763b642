// Loaded into every service by `--import`: a service does not outlive the supervisor, not even one that is killed.
process.on('disconnect', () => process.exit(1));
// Listening must not keep a service alive that wants to end.
process.channel?.unref();
