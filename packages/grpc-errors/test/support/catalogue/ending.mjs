// As a `main.js` that starts the application does, where something is missing.
process.exit(0);
