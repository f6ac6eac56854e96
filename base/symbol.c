/* SPDX-License-Identifier: MIT */
/*
 * base/symbol.c: reads the symbol table of the ELF file that is mapped at an
 * address, with the few system calls that needs: `.symtab` if it is there, which
 * has static functions too, else `.dynsym`.
 *
 *   SYM-1  The file is the user's and may be anything by now, and something
 *          else a moment later: each piece is read by pread, and counts only if
 *          all of it was there.  Otherwise a dump dies of a file that is being
 *          installed.  (That all of it was there is argued: a file that is cut
 *          between two reads of one piece names nothing either way, mostly.)
 *
 * Not otherwise: a mapping of the file, whose pages are gone (SIGBUS) when it is cut
 * short meanwhile; dladdr, which knows dynamic symbols alone, and takes the loader's
 * lock, which a stopped thread may hold.
 */
#include "base/symbol.h"

#include <elf.h>
#include <fcntl.h>
#include <string.h>

#include "base/format.h"
#include "base/mapping.h"
#include "base/syscall.h"

#define SYMBOLS_AT_ONCE 64u
#define COUNT_MAX       ((uint64_t)1 << 24) /* of symbols: a file of nonsense ends */

struct image {
    long fd;
    Elf64_Ehdr head;
};

/* SYM-1. */
static bool
get(const struct image *image, void *to, uint64_t offset, size_t bytes)
{
    if (offset > INT64_MAX - bytes)
        return false;
    return tri_syscall6(SYS_pread64, image->fd, (long)to, (long)bytes,
                        (long)offset, 0, 0)
        == (long)bytes;
}

static bool
get_item(const struct image *image, void *to, uint64_t table, unsigned i,
         size_t bytes)
{
    uint64_t offset;
    return !__builtin_add_overflow(table, i * bytes, &offset)
        && get(image, to, offset, bytes);
}

static bool
open_image(const char *path, struct image *image)
{
    image->fd = tri_syscall3(SYS_openat, AT_FDCWD, (long)path,
                             O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    return image->fd >= 0 && get(image, &image->head, 0, sizeof(image->head))
        && memcmp(image->head.e_ident, ELFMAG, SELFMAG) == 0
        && image->head.e_ident[EI_CLASS] == ELFCLASS64;
}

/* The address in the file's own numbering of what lies at `offset` in it. */
static bool
address_in_file(const struct image *image, uint64_t offset, uint64_t *address)
{
    Elf64_Phdr segment;
    for (unsigned i = 0; i < image->head.e_phnum; i++) {
        if (!get_item(image, &segment, image->head.e_phoff, i, sizeof(segment)))
            return false;
        if (segment.p_type == PT_LOAD && offset >= segment.p_offset
            && offset - segment.p_offset < segment.p_filesz) {
            *address = segment.p_vaddr + (offset - segment.p_offset);
            return true;
        }
    }
    return false;
}

/* The function around `address` in one symbol table. */
static bool
search(const struct image *image, const Elf64_Shdr *table, uint64_t address,
       Elf64_Sym *found)
{
    Elf64_Sym symbol[SYMBOLS_AT_ONCE];
    uint64_t count = table->sh_size / sizeof(Elf64_Sym);
    uint64_t at = table->sh_offset;
    for (uint64_t left = count < COUNT_MAX ? count : COUNT_MAX; left > 0;) {
        uint64_t n = left < SYMBOLS_AT_ONCE ? left : SYMBOLS_AT_ONCE;
        if (!get(image, symbol, at, n * sizeof(symbol[0])))
            return false;
        for (uint64_t i = 0; i < n; i++) {
            if (ELF64_ST_TYPE(symbol[i].st_info) == STT_FUNC
                && address >= symbol[i].st_value
                && address - symbol[i].st_value < symbol[i].st_size) {
                *found = symbol[i];
                return true;
            }
        }
        at += n * sizeof(symbol[0]);
        left -= n;
    }
    return false;
}

/* Cut where too long. */
static bool
copy_name(const struct image *image, const Elf64_Shdr *strings, uint64_t at,
          struct tri_symbol *to)
{
    if (at >= strings->sh_size
        || strings->sh_offset > (uint64_t)INT64_MAX - strings->sh_size)
        return false;
    uint64_t left = strings->sh_size - at;
    size_t room = sizeof(to->name) - 1;
    long got = tri_syscall6(SYS_pread64, image->fd, (long)to->name,
                            (long)(left < room ? left : room),
                            (long)(strings->sh_offset + at), 0, 0);
    bool whole =
        got > 0
        && ((size_t)got == room || memchr(to->name, 0, (size_t)got) != NULL);
    to->name[whole ? got : 0] = 0;
    return whole;
}

static void
name_in_image(const struct image *image, uint64_t offset, struct tri_symbol *to)
{
    static const uint32_t kinds[] = { SHT_SYMTAB, SHT_DYNSYM };
    const Elf64_Ehdr *head = &image->head;
    Elf64_Shdr section, strings;
    Elf64_Sym symbol;
    uint64_t address;
    if (!address_in_file(image, offset, &address))
        return;
    for (unsigned kind = 0; kind < 2; kind++) {
        for (unsigned i = 0; i < head->e_shnum; i++) {
            if (!get_item(image, &section, head->e_shoff, i, sizeof(section)))
                return;
            if (section.sh_type != kinds[kind]
                || section.sh_link >= head->e_shnum
                || !get_item(image, &strings, head->e_shoff, section.sh_link,
                             sizeof(strings)))
                continue;
            if (search(image, &section, address, &symbol)
                && copy_name(image, &strings, symbol.st_name, to)) {
                to->offset = address - symbol.st_value;
                return;
            }
        }
    }
}

bool
tri_symbol_find(uintptr_t address, struct tri_symbol *symbol)
{
    struct tri_mapping mapping;
    struct image image;
    symbol->name[0] = 0;
    symbol->path[0] = 0;
    symbol->offset = address;
    if (!tri_mapping_find(address, &mapping))
        return false;
    if (mapping.path[0] != '/')
        return true;
    memcpy(symbol->path, mapping.path, sizeof(symbol->path));
    symbol->offset = address - mapping.start + mapping.offset;
    if (open_image(mapping.path, &image))
        name_in_image(&image, symbol->offset, symbol);
    if (image.fd >= 0)
        tri_syscall3(SYS_close, image.fd, 0, 0);
    return true;
}

void
tri_symbol_print(uintptr_t address)
{
    struct tri_symbol symbol;
    if (!tri_symbol_find(address, &symbol) || symbol.path[0] == 0)
        tri_print("\n");
    else if (symbol.name[0] != 0)
        tri_print(" %s+0x%lx (%s)\n", symbol.name, symbol.offset, symbol.path);
    else
        tri_print(" %s +0x%lx\n", symbol.path, symbol.offset);
}
