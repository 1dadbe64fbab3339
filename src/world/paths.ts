/** The little that core code must know of paths: they are joined and taken apart by slashes. */

/** The directory that holds what the path leads to. */
export function parentPath(path: string): string {
  const end = Math.max(path.lastIndexOf("/"), path.lastIndexOf("\\"));
  if (end === -1) return ".";
  return end === 0 ? "/" : path.slice(0, end);
}

export function joinPath(directory: string, name: string): string {
  return directory.endsWith("/") ? `${directory}${name}` : `${directory}/${name}`;
}
