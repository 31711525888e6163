/* Why a file cannot be opened. Under WASI a path outside of the granted folders fails like a
 * missing file, and one that climbs out of them like a lack of rights. The list of grants tells
 * these from real ones. */
#include <errno.h>
#include <string.h>

#ifdef __wasi__
#include <wasi/api.h>
#endif

#include "cli.h"

#ifdef __wasi__
/* "./" in front says nothing; the C library drops it, too. */
static const char *without_dot(const char *path) {
  while (path[0] == '.' && path[1] == '/') {
    path += 2;
    while (*path == '/') path++;
  }
  return path;
}

/* Does a relative path climb above where it begins? */
static bool climbs_out(const char *path) {
  int depth = 0;
  while (*path && depth >= 0) {
    size_t len = strcspn(path, "/");
    if (len == 2 && memcmp(path, "..", 2) == 0) {
      depth--;
    } else if (len && !(len == 1 && *path == '.')) {
      depth++;
    }
    path += len;
    while (*path == '/') path++;
  }
  return depth < 0;
}

static bool within(const char *path, const char *folder) {
  bool absolute = folder[0] == '/';
  size_t len = strcmp(folder, ".") == 0 ? 0 : strlen(folder);
  while (len && folder[len - 1] == '/') len--;
  if ((path[0] == '/') != absolute || strncmp(path, folder, len) != 0) return false;
  const char *rest = path + len;
  if (len && *rest && *rest != '/') return false;
  while (*rest == '/') rest++;
  return !climbs_out(rest);
}

static bool is_granted(const char *path) {
  __wasi_prestat_t stat;
  for (__wasi_fd_t fd = 3; __wasi_fd_prestat_get(fd, &stat) == __WASI_ERRNO_SUCCESS; fd++) {
    char name[4096];
    size_t len = stat.u.dir.pr_name_len;
    if (stat.tag != __WASI_PREOPENTYPE_DIR || len >= sizeof name) continue;
    if (__wasi_fd_prestat_dir_name(fd, (uint8_t *)name, len) != __WASI_ERRNO_SUCCESS) continue;
    name[len] = 0;
    if (within(path, without_dot(name))) return true;
  }
  return false;
}

int cli_fail_open(const cli *c, const char *path, int error) {
  const char *start = without_dot(path);
  bool refused = error == EPERM || error == ENOTCAPABLE;
  if (!is_granted(start) && (refused || error == ENOENT)) {
    const char *slash = strrchr(start, '/');
    const char *folder = slash ? start : ".";
    size_t len = slash == start || !slash ? 1 : (size_t)(slash - start);
    return cli_fail(c, SOTTO_ERR_IO,
                    "cannot open %s: the folder was not granted; start with wasmtime run "
                    "--dir='%.*s' …",
                    path, (int)len, folder);
  }
  if (refused) {
    return cli_fail(c, SOTTO_ERR_IO,
                    "cannot open %s: it leads out of the granted folder by a link, which wasmtime "
                    "does not follow; give the path where the file lies, and grant that folder "
                    "with --dir",
                    path);
  }
  return cli_fail(c, SOTTO_ERR_IO, "cannot open %s: %s", path, strerror(error));
}
#else
int cli_fail_open(const cli *c, const char *path, int error) {
  return cli_fail(c, SOTTO_ERR_IO, "cannot open %s: %s", path, strerror(error));
}
#endif
