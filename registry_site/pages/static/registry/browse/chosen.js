// The files that a user chose or dropped, each with its path within the folder that holds it.

// Yield the files of a dropped entry, folders deep.
async function* within(entry, prefix = "") {
  if (entry.isFile) {
    const file = await new Promise((resolve, reject) => entry.file(resolve, reject));
    yield { file, path: prefix + file.name };
    return;
  }
  const reader = entry.createReader();
  for (;;) {
    const some = await new Promise((resolve, reject) => reader.readEntries(resolve, reject)); // at most 100
    if (!some.length) return;
    for (const each of some) yield* within(each, `${prefix}${entry.name}/`);
  }
}

export async function dropped(transfer) {
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry()).filter(Boolean); // before the first wait
  if (!entries.length) return picked(transfer);
  const files = [];
  for (const entry of entries) for await (const each of within(entry)) files.push(each);
  return files;
}

// `list` has `files`: an input, or what was dropped.
export const picked = (list) =>
  [...list.files].map((file) => ({ file, path: file.webkitRelativePath || file.name }));

// Return the folder that all files are in, or an empty text.
export function folderOf(files) {
  const [folder, ...rest] = (files[0]?.path ?? "").split("/");
  return rest.length && files.every((each) => each.path.startsWith(`${folder}/`)) ? folder : "";
}
