// Uploads a file with tus-js-client: node upload.js '{"endpoint", "file", "token", "metadata", "options"}'.
// Prints each progress as a line, then `done` and the upload's URL.
const { createReadStream } = require("node:fs");
const tus = require("tus-js-client");

const { endpoint, file, token, metadata, options } = JSON.parse(process.argv[2]);
const upload = new tus.Upload(createReadStream(file), {
  endpoint,
  headers: { Authorization: token },
  metadata,
  retryDelays: Array(60).fill(500),
  onProgress: (sent) => console.log(`progress ${sent}`),
  onShouldRetry: (error) => {
    const status = error.originalResponse ? error.originalResponse.getStatus() : 0;
    console.log(`retry after ${status}`);
    return status === 0 || status === 409 || status === 423 || status >= 500;
  },
  onSuccess: () => console.log(`done ${upload.url}`),
  onError: (error) => {
    console.error(String(error));
    process.exit(1);
  },
  ...options,
});
upload.start();
