// The files that a user chose or dropped, each with its path within the folder that holds it.

// Some file systems decompose accented letters, and the registry refuses such paths.
const composed = (path) => path.normalize("NFC");

// Return the files of a dropped entry, folders deep. Siblings are read at the same time.
async function within(entry, prefix = "") {
  if (entry.isFile) {
    const file = await new Promise((resolve, reject) => entry.file(resolve, reject));
    return [{ file, path: composed(prefix + file.name) }];
  }
  const reader = entry.createReader();
  const children = [];
  for (;;) {
    const some = await new Promise((resolve, reject) => reader.readEntries(resolve, reject)); // at most 100
    if (!some.length) break;
    children.push(...some);
  }
  return (await Promise.all(children.map((each) => within(each, `${prefix}${entry.name}/`)))).flat();
}

export async function dropped(transfer) {
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry()).filter(Boolean); // before the first wait
  if (!entries.length) return picked(transfer);
  return (await Promise.all(entries.map((entry) => within(entry)))).flat();
}

// `list` has `files`: an input, or what was dropped.
export const picked = (list) =>
  [...list.files].map((file) => ({ file, path: composed(file.webkitRelativePath || file.name) }));

// Return the folder that all files are in, or an empty text.
export function folderOf(files) {
  const [folder, ...rest] = (files[0]?.path ?? "").split("/");
  return rest.length && files.every((each) => each.path.startsWith(`${folder}/`)) ? folder : "";
}
