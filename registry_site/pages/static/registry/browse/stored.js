// What the registry has already, and what is sent together: so that little is sent, and in few requests.
import { send } from "./api.js";

const LARGEST_HASHED = 512 * 1024 * 1024; // bytes: a browser hashes only what is in memory
const SMALL = 1024 * 1024; // bytes: files of a folder that are no larger are sent together,
const MOST_TOGETHER = 1000; // so many of them,
const BYTES_TOGETHER = 16 * 1024 * 1024; // with so many bytes
const PAGE = 10_000; // files of a list that are asked for at once

async function sha256(file) {
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", await file.arrayBuffer()));
  return [...digest].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

const query = (parameters) => new URLSearchParams(parameters).toString();

// Return the version of the item that has the file's bytes, if there is one that the user may read.
export async function stored(route, file) {
  const filter = JSON.stringify({ size: file.size });
  const select = JSON.stringify(["ordinal", "original", "sha256"]);
  const { docs } = await send("GET", `${route}?${query({ filter, select, limit: 100 })}`);
  if (!docs.length || file.size > LARGEST_HASHED || !crypto.subtle) return undefined;
  const digest = await sha256(file);
  return docs.find((version) => version.sha256 === digest);
}

// Yield the files of a version.
async function* filesOf(route, ordinal) {
  const select = JSON.stringify(["path", "size", "sha256"]);
  for (let page = 1; page; ) {
    const address = `${route}/${encodeURIComponent(ordinal)}/files?${query({ select, page, limit: PAGE })}`;
    const { docs, nextPage } = await send("GET", address);
    yield* docs;
    page = nextPage;
  }
}

// Return which files of a folder the newest version of that name has: by index, where their bytes are. `same` is that
// version if it has these files and no others.
export async function storedFiles(route, folder, files) {
  const select = JSON.stringify(["ordinal"]);
  const filter = JSON.stringify({ original: folder });
  const { docs } = await send("GET", `${route}?${query({ filter, select, limit: 1 })}`);
  const known = new Map();
  if (!docs.length || !crypto.subtle) return { known };
  const [{ ordinal }] = docs;
  const digests = new Map(); // to a path
  const paths = new Map(); // to a digest
  const sizes = new Set();
  for await (const { path, size, sha256 } of filesOf(route, ordinal)) {
    digests.set(sha256, path);
    paths.set(path, sha256);
    sizes.add(size);
  }
  let same = paths.size === files.length;
  for (const [index, { file, path }] of files.entries()) {
    const digest = sizes.has(file.size) && file.size <= LARGEST_HASHED ? await sha256(file) : "";
    same &&= paths.get(path.slice(folder.length + 1)) === digest;
    if (digests.has(digest)) known.set(index, { version: ordinal, from: digests.get(digest) });
  }
  return { known, same: same ? { ordinal } : undefined };
}

// Return which files are sent together: the small ones of a folder, and each other one alone.
export function together(files, indexes) {
  const groups = [];
  let open, bytes;
  for (const index of indexes) {
    const { size } = files[index].file;
    if (size > SMALL) {
      groups.push([index]);
      continue;
    }
    if (!open || open.length === MOST_TOGETHER || bytes + size > BYTES_TOGETHER) {
      groups.push((open = []));
      bytes = 0;
    }
    open.push(index);
    bytes += size;
  }
  return groups;
}

// Return what a transfer sends for these files: one as it is, or several one after the other. The key tells them from
// other files, also after they were changed.
export function source(files, indexes, folder) {
  const chosen = indexes.map((index) => files[index]);
  const [{ file, path }] = chosen;
  if (chosen.length === 1) return { file, path, key: file.lastModified };
  const changed = chosen.reduce((sum, each) => sum + each.file.lastModified, 0);
  const key = [chosen.length, path, chosen.at(-1).path, changed].join("|");
  return { file: new Blob(chosen.map((each) => each.file)), path: folder, key };
}
