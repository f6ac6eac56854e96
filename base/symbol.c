/* SPDX-License-Identifier: MIT */
/*
 * base/symbol.c: reads the symbol table of the ELF file that is mapped at an
 * address, with the few system calls that needs: `.symtab` if it is there, which
 * has static functions too, else `.dynsym`.  The file is the user's and may be
 * anything by now, so every offset in it is checked against its size.
 *
 * Not otherwise: dladdr knows dynamic symbols alone, and takes the loader's lock,
 * which a stopped thread may hold.
 */
#include "base/symbol.h"

#include <elf.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "base/format.h"
#include "base/mapping.h"
#include "base/syscall.h"

struct image {
    const char *bytes;
    size_t size;
};

/* `count` items of `each` bytes at `offset`, or NULL if they are not all there. */
static const void *
part(const struct image *image, uint64_t offset, uint64_t count, uint64_t each)
{
    uint64_t bytes;
    if (__builtin_mul_overflow(count, each, &bytes) || offset > image->size
        || bytes > image->size - offset || offset % 8 != 0)
        return NULL;
    return image->bytes + offset;
}

static bool
open_image(const char *path, struct image *image)
{
    struct stat status;
    long fd =
        tri_syscall3(SYS_openat, AT_FDCWD, (long)path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    bool ok = tri_syscall3(SYS_fstat, fd, (long)&status, 0) == 0
           && status.st_size >= (off_t)sizeof(Elf64_Ehdr)
           && S_ISREG(status.st_mode);
    long at = -1;
    if (ok)
        at = tri_syscall6(SYS_mmap, 0, status.st_size, PROT_READ, MAP_PRIVATE,
                          fd, 0);
    tri_syscall3(SYS_close, fd, 0, 0);
    if (!ok || (at < 0 && at > -4096))
        return false;
    *image = (struct image){ (const char *)at, (size_t)status.st_size };
    return memcmp(image->bytes, ELFMAG, SELFMAG) == 0
        && image->bytes[EI_CLASS] == ELFCLASS64;
}

/* The address in the file's own numbering of what lies at `offset` in it. */
static bool
address_in_file(const struct image *image, uint64_t offset, uint64_t *address)
{
    const Elf64_Ehdr *head = (const void *)image->bytes;
    const Elf64_Phdr *segment =
        part(image, head->e_phoff, head->e_phnum, sizeof(*segment));
    for (unsigned i = 0; segment != NULL && i < head->e_phnum; i++) {
        if (segment[i].p_type == PT_LOAD && offset >= segment[i].p_offset
            && offset - segment[i].p_offset < segment[i].p_filesz) {
            *address = segment[i].p_vaddr + (offset - segment[i].p_offset);
            return true;
        }
    }
    return false;
}

/* The function around `address` in one symbol table. */
static const Elf64_Sym *
search(const struct image *image, const Elf64_Shdr *table, uint64_t address)
{
    uint64_t count = table->sh_size / sizeof(Elf64_Sym);
    const Elf64_Sym *symbol =
        part(image, table->sh_offset, count, sizeof(*symbol));
    for (uint64_t i = 0; symbol != NULL && i < count; i++)
        if (ELF64_ST_TYPE(symbol[i].st_info) == STT_FUNC
            && address >= symbol[i].st_value
            && address - symbol[i].st_value < symbol[i].st_size)
            return &symbol[i];
    return NULL;
}

static bool
copy_name(const struct image *image, const Elf64_Shdr *strings, uint64_t at,
          struct tri_symbol *to)
{
    if (strings->sh_offset > image->size
        || strings->sh_size > image->size - strings->sh_offset
        || at >= strings->sh_size)
        return false;
    const char *name = image->bytes + strings->sh_offset + at;
    size_t left = strings->sh_size - at;
    size_t i = 0;
    for (; i < left && i + 1 < sizeof(to->name) && name[i] != 0; i++)
        to->name[i] = name[i];
    to->name[i] = 0;
    return true;
}

static void
name_in_image(const struct image *image, uint64_t offset, struct tri_symbol *to)
{
    const Elf64_Ehdr *head = (const void *)image->bytes;
    const Elf64_Shdr *section =
        part(image, head->e_shoff, head->e_shnum, sizeof(*section));
    uint64_t address;
    if (section == NULL || !address_in_file(image, offset, &address))
        return;
    static const uint32_t kinds[] = { SHT_SYMTAB, SHT_DYNSYM };
    for (unsigned kind = 0; kind < 2; kind++) {
        for (unsigned i = 0; i < head->e_shnum; i++) {
            if (section[i].sh_type != kinds[kind]
                || section[i].sh_link >= head->e_shnum)
                continue;
            const Elf64_Sym *symbol = search(image, &section[i], address);
            if (symbol != NULL
                && copy_name(image, &section[section[i].sh_link],
                             symbol->st_name, to)) {
                to->offset = address - symbol->st_value;
                return;
            }
        }
    }
}

bool
tri_symbol_find(uintptr_t address, struct tri_symbol *symbol)
{
    struct tri_mapping mapping;
    struct image image = { 0 };
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
    if (image.bytes != NULL)
        tri_syscall3(SYS_munmap, (long)image.bytes, (long)image.size, 0);
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
