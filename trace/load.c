/* SPDX-License-Identifier: MIT */
/* trace/load.c: finds and loads the LTTng provider. */
#include "trace/load.h"

#include <dlfcn.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/format.h"
#include "trace/backend.h"

#define MODULE_NAME "libtricolor-lttng.so"

/* Where the module is installed; the build says. */
#ifndef TRI_INSTALL_LIBDIR
#    define TRI_INSTALL_LIBDIR ""
#endif

static char status[512] = "lttng: the runtime has not started";

const char *
tri_trace_status(void)
{
    return status;
}

/* Loads the module at `path` and believes it only if it was made from this very
 * registry (BACK-1). */
static const struct tri_trace_backend *
try_path(const char *path)
{
    /* Global and at once: LTTng's own libraries look symbols up by name, and a
     * lazily bound call would take 1 KiB more of a goroutine's stack. */
    void *module = dlopen(path, RTLD_NOW | RTLD_GLOBAL | RTLD_NODELETE);
    if (module == NULL) {
        tri_format(status, sizeof(status), "lttng: not available: %s",
                   dlerror());
        return NULL;
    }
    const struct tri_trace_backend *found =
        dlsym(module, TRI_TRACE_BACKEND_SYMBOL);
    if (found == NULL || strcmp(found->signature, tri_trace_signature) != 0) {
        tri_format(status, sizeof(status),
                   "lttng: %s belongs to another version of the library; "
                   "install both from one build",
                   path);
        return NULL;
    }
    found->start();
    tri_format(status, sizeof(status), "lttng: provider %s", path);
    return found;
}

/* The module in the directory of `file`.  False: it has none, or is too long. */
static bool
path_beside(const char *file, char *path, size_t bytes)
{
    const char *slash = strrchr(file, '/');
    if (slash == NULL)
        return false;
    int directory = (int)(slash - file + 1);
    return tri_format(path, bytes, "%.*s%s", directory, file, MODULE_NAME)
         < bytes;
}

static bool
readable(const char *path)
{
    return access(path, R_OK) == 0;
}

const struct tri_trace_backend *
tri_trace_load_backend(void)
{
    const char *asked = secure_getenv("TRI_LTTNG_PROVIDER");
    if (asked != NULL && strcmp(asked, "none") == 0) {
        tri_format(status, sizeof(status),
                   "lttng: switched off by TRI_LTTNG_PROVIDER=none");
        return NULL;
    }
    if (asked != NULL && asked[0] != '\0')
        return try_path(asked);
    /* The object (library or program) this code is in; of a program that was
     * found through PATH the loader knows the bare name only. */
    char path[PATH_MAX];
    char program[PATH_MAX];
    Dl_info here;
    if (dladdr(status, &here) != 0 && here.dli_fname != NULL
        && path_beside(here.dli_fname, path, sizeof(path)) && readable(path))
        return try_path(path);
    ssize_t length = readlink("/proc/self/exe", program, sizeof(program) - 1);
    program[length > 0 ? length : 0] = '\0';
    if (path_beside(program, path, sizeof(path)) && readable(path))
        return try_path(path);
    tri_format(path, sizeof(path), "%s/%s", TRI_INSTALL_LIBDIR, MODULE_NAME);
    if (TRI_INSTALL_LIBDIR[0] != '\0' && readable(path))
        return try_path(path);
    tri_format(status, sizeof(status),
               "lttng: no %s beside the library or in %s", MODULE_NAME,
               TRI_INSTALL_LIBDIR);
    return NULL;
}
