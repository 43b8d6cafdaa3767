// Sends one file by the tus protocol: goes on after a lost connection, and after the page was closed.
import "../vendor/tus-js-client/tus.min.js";
import { headers, prefix, Refusal, unreachable } from "./api.js";

const { tus } = window;
const DELAYS = [0, 1000, 2000, 4000, 8000, ...Array(240).fill(15000)]; // an hour without any progress
const REPEATED = [0, 408, 409, 423, 429];

const storage = tus.defaultOptions.urlStorage;
const uploadsOf = async (item) =>
  (await storage.findAllUploads()).filter((each) => each.urlStorageKey.includes(`registry|${item}|`));

// Return the names of files of this item whose uploads were interrupted.
export const interrupted = async (item) => (await uploadsOf(item)).map((each) => each.metadata.path);

// Forget the uploads of a folder, which a version has taken.
export async function forget(item, folder) {
  const own = (await uploadsOf(item)).filter(({ metadata: { path } }) => `${path}/`.startsWith(`${folder}/`));
  await Promise.all(own.map((each) => storage.removeUpload(each.urlStorageKey)));
}

function refusalOf(error) {
  const response = error.originalResponse;
  if (!response) return unreachable();
  try {
    const { message, details } = JSON.parse(response.getBody());
    return new Refusal(message, details, response.getStatus());
  } catch {
    return new Refusal("The registry's response is not valid JSON.", `Its status is ${response.getStatus()}.`);
  }
}

export class Transfer {
  // `source` has a `file`, its `path`, and a `key` that changes with the file. With `keep` it is remembered until
  // `forget`, so that it need not be sent again before the version has taken it.
  constructor(item, source, metadata, watch, keep = false) {
    const { file, path, key } = source;
    this.finished = new Promise((resolve, reject) => {
      this.reject = reject;
      this.upload = new tus.Upload(file, {
        endpoint: `${prefix}/uploads`,
        headers,
        metadata: { path, ...(file.type && { filetype: file.type }), ...metadata },
        retryDelays: DELAYS,
        fingerprint: async () => ["registry", item, path, file.size, key].join("|"),
        removeFingerprintOnSuccess: !keep,
        onShouldRetry: (error) => {
          const status = error.originalResponse?.getStatus() ?? 0;
          return REPEATED.includes(status) || status >= 500;
        },
        onProgress: watch,
        onSuccess: () => resolve(this.upload.url.split("/").pop()),
        onError: (error) => reject(refusalOf(error)),
      });
    });
  }

  async start() {
    const [previous] = await this.upload.findPreviousUploads();
    if (previous) this.upload.resumeFromPreviousUpload(previous);
    this.upload.start();
    return this.finished;
  }

  pause() {
    return this.upload.abort();
  }

  resume() {
    this.upload.start();
  }

  async cancel() {
    this.reject(new Refusal("The upload was cancelled.", "Nothing was stored."));
    await this.upload.abort(true).catch(() => {}); // it expires
  }
}
