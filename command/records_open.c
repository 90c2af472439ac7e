// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Finds the records of a process: by its descriptors, or in a core dump. A process of another user
 * cannot be read, because the kernel asks for the same permission as for ptrace() (proc(5)).
 */
#include <dirent.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "records.h"

#define PATH_BYTES 4400
#define LINE_BYTES 8192
/* A library never makes a larger segment. */
#define SIZE_MOST (UINT64_C(1) << 30)
#define DAMAGED "the core dump is damaged"
#define LINK "/memfd:" SEGMENT_FILE " (deleted)"

/* The records that were found, and where the reason of a failure goes. */
struct found {
	struct records *all;
	size_t count;
	char *why;
	size_t size;
};

__attribute__((format(printf, 3, 4))) static int fail(const struct found *found, int err,
						      const char *format, ...)
{
	va_list list;

	va_start(list, format);
	vsnprintf(found->why, found->size, format, list);
	va_end(list);
	return err;
}

/* --- Headers --- */

static bool has_magic(const struct segment_header *header)
{
	return !memcmp(header->magic, SEGMENT_MAGIC, sizeof(header->magic));
}

/* The fields of the structs, and how wide they are. */
static const struct {
	enum segment_field field;
	enum segment_field end;
	uint32_t bytes;
} in_structs[] = {
	{ SEGMENT_RECORD_SEQ, SEGMENT_RECORD_BYTES, 4 },
	{ SEGMENT_RECORD_STATE, SEGMENT_RECORD_BYTES, 1 },
	{ SEGMENT_RECORD_PERMISSION, SEGMENT_RECORD_BYTES, 1 },
	{ SEGMENT_RECORD_LEAKED, SEGMENT_RECORD_BYTES, 1 },
	{ SEGMENT_RECORD_IN_PLACE, SEGMENT_RECORD_BYTES, 1 },
	{ SEGMENT_RECORD_WAITS, SEGMENT_RECORD_BYTES, 1 },
	{ SEGMENT_RECORD_FIRST, SEGMENT_RECORD_BYTES, 8 },
	{ SEGMENT_RECORD_LAST, SEGMENT_RECORD_BYTES, 8 },
	{ SEGMENT_RECORD_SITE, SEGMENT_RECORD_BYTES, 8 },
	{ SEGMENT_RECORD_CHUNK, SEGMENT_RECORD_BYTES, 8 },
	{ SEGMENT_RECORD_TWIN, SEGMENT_RECORD_BYTES, 1 },
	{ SEGMENT_SLOT_STATE, SEGMENT_SLOT_BYTES, 1 },
	{ SEGMENT_SLOT_OFFSET, SEGMENT_SLOT_BYTES, 4 },
	{ SEGMENT_SLOT_SITE, SEGMENT_SLOT_BYTES, 8 },
	{ SEGMENT_CHUNK_COUNT, SEGMENT_CHUNK_SLOTS, 4 },
	{ SEGMENT_CHUNK_SLOT_BYTES, SEGMENT_CHUNK_SLOTS, 8 },
	{ SEGMENT_CHUNK_PRIVATE, SEGMENT_CHUNK_SLOTS, 8 },
	{ SEGMENT_BLOCK_NEXT, SEGMENT_BLOCK_RECORDS, 8 },
};

/* The fields become offsets, so each must be in its struct and aligned. */
static bool fields_are_sound(const uint32_t *fields)
{
	for (size_t i = 0; i < sizeof(in_structs) / sizeof(in_structs[0]); i++) {
		const uint32_t field = fields[in_structs[i].field], end = fields[in_structs[i].end];

		if (field % in_structs[i].bytes || end % 8 || end > 4096 ||
		    field + (uint64_t)in_structs[i].bytes > end)
			return false;
	}
	return fields[SEGMENT_BLOCK_COUNT];
}

static bool is_page(uint64_t bytes)
{
	return bytes >= 512 && bytes <= 1 << 30 && !(bytes & (bytes - 1));
}

static int check_header(const struct found *found, const struct segment_header *header)
{
	if (header->version != SEGMENT_VERSION)
		return fail(
			found, -EPROTO,
			"its library has records of version %u, and this command reads version %u; "
			"use the command of that library",
			header->version, SEGMENT_VERSION);
	if (header->field_count < SEGMENT_FIELDS_ALWAYS)
		return fail(
			found, -EPROTO,
			"its library, version %u.%u.%u, is older and has fewer fields of records; "
			"use the command of that library",
			header->library / 10000, header->library / 100 % 100,
			header->library % 100);
	if (header->range_count > SEGMENT_RANGES_MAX || !is_page(header->page_bytes) ||
	    !fields_are_sound(header->fields))
		return fail(found, -EPROTO, "its records are damaged");
	return 0;
}

/* Copies the header. Its fields may be elsewhere in a later version. Returns false if it has none. */
static bool copy_header(const unsigned char *bytes, uint64_t size, struct segment_header *header)
{
	uint64_t at;

	if (size < sizeof(*header))
		return false;
	memcpy(header, bytes, sizeof(*header));
	/* ORDER: pairs with the releases of segment.c (site.litmus). */
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	header->name[sizeof(header->name) - 1] = '\0';
	at = header->fields_at;
	if (!has_magic(header) || at % 4 || at > size - sizeof(header->fields))
		return false;
	memcpy(header->fields, bytes + at, sizeof(header->fields));
	/* Behind the fields of an older library there is something else. */
	for (uint32_t i = header->field_count; i < SEGMENT_FIELDS; i++)
		header->fields[i] = 0;
	return true;
}

/*
 * Adds a segment that is mapped. A core dump has the segments in the order of their addresses, and a
 * process in that of its descriptors, so they are sorted by the order in which they were opened.
 */
static struct records *add(struct found *found, const struct segment_header *header,
			   const unsigned char *bytes, uint64_t size)
{
	struct records *all = realloc(found->all, (found->count + 1) * sizeof(*all));
	size_t i = found->count;

	if (!all)
		return NULL;
	found->all = all;
	found->count++;
	for (; i && all[i - 1].header.opened > header->opened; i--)
		all[i] = all[i - 1];
	all[i] = (struct records){ .bytes = bytes, .size = size, .header = *header };
	return &all[i];
}

void records_refresh(struct records *records)
{
	const struct found nobody = { .size = 0 };
	struct segment_header header;

	/* The last header stays if this one is not sound. */
	if (copy_header(records->bytes, records->size, &header) &&
	    !check_header(&nobody, &header) && header.base == records->header.base)
		records->header = header;
}

static void close_one(struct records *records)
{
	for (size_t i = 0; i < records->code_count; i++)
		free(records->code[i].path);
	for (size_t i = 0; i < records->site_room; i++)
		free(records->sites[i].text);
	free(records->code);
	free(records->sites);
	if (records->map)
		munmap(records->map, records->map_size);
}

void records_close_all(struct records *all, size_t count)
{
	for (size_t i = 0; i < count; i++)
		close_one(&all[i]);
	free(all);
}

/* --- Code --- */

static int add_code(struct records *records, const struct records_code *code)
{
	struct records_code *all = realloc(records->code, (records->code_count + 1) * sizeof(*all));

	if (!all)
		return -ENOMEM;
	records->code = all;
	all[records->code_count] = *code;
	all[records->code_count].path = strdup(code->path);
	if (!all[records->code_count].path)
		return -ENOMEM;
	records->code_count++;
	return 0;
}

/* The files of a container are under the root of the process. */
static int add_code_of(struct records *records, pid_t pid)
{
	char path[PATH_BYTES], line[LINE_BYTES], name[LINE_BYTES];
	struct records_code code = { .path = path };
	unsigned long first, end, offset, inode;
	FILE *maps;
	int err = 0;

	snprintf(path, sizeof(path), "/proc/%d/maps", pid);
	maps = fopen(path, "re");
	if (!maps)
		return -errno;
	while (!err && fgets(line, sizeof(line), maps)) {
		if (sscanf(line, "%lx-%lx %*s %lx %*s %lu %[^\n]", &first, &end, &offset, &inode,
			   name) != 5 ||
		    name[0] != '/')
			continue;
		snprintf(path, sizeof(path), "/proc/%d/root%.4096s", pid, name);
		code.first = first;
		code.end = end;
		code.offset = offset;
		code.inode = inode;
		err = add_code(records, &code);
	}
	fclose(maps);
	return err;
}

/* --- A process --- */

/* The size and the seals of a file that the library made. It can neither shrink nor grow. */
static bool is_sealed(int fd, uint64_t bytes)
{
	const int seals = fcntl(fd, F_GET_SEALS);

	return seals >= 0 && seals & F_SEAL_SHRINK && seals & F_SEAL_GROW &&
	       bytes >= sizeof(struct segment_header) && bytes <= SIZE_MOST;
}

/*
 * Whether a process maps a segment as its own. A forked child has the descriptors of its parent, but
 * not the devices, and its mapping is private.
 */
static bool is_owner(pid_t pid, const struct segment_header *header, const struct stat *file)
{
	char path[64], line[LINE_BYTES], shared;
	unsigned long first, inode;
	bool found = false;
	FILE *maps;

	snprintf(path, sizeof(path), "/proc/%d/maps", pid);
	maps = fopen(path, "re");
	while (maps && !found && fgets(line, sizeof(line), maps))
		found = sscanf(line, "%lx-%*x %*2s%*c%c %*s %*s %lu", &first, &shared, &inode) ==
				3 &&
			first == header->base && shared == 's' && inode == file->st_ino;
	if (maps)
		fclose(maps);
	return found;
}

/* A device that is being opened or closed has no ranges yet, or is gone. It is left out. */
static int use_segment(struct found *found, void *map, const struct stat *file, pid_t pid)
{
	struct segment_header header;
	struct records *records;
	int err;

	if (!copy_header(map, (uint64_t)file->st_size, &header) ||
	    header.bytes != (uint64_t)file->st_size || !is_owner(pid, &header, file) ||
	    (header.version == SEGMENT_VERSION && !header.range_count))
		return 0;
	err = check_header(found, &header);
	if (err)
		return err;
	records = add(found, &header, map, (uint64_t)file->st_size);
	if (!records)
		return fail(found, -ENOMEM, "memory is short");
	records->pid = pid;
	records->map = map;
	records->map_size = (uint64_t)file->st_size;
	return add_code_of(records, pid) ? fail(found, -EIO, "its loaded code cannot be listed") :
					   0;
}

static int map_segment(struct found *found, int fd, pid_t pid)
{
	const size_t before = found->count;
	struct stat file;
	void *map;
	int err;

	if (fstat(fd, &file) || !is_sealed(fd, (uint64_t)file.st_size))
		return 0;
	map = mmap(NULL, (size_t)file.st_size, PROT_READ, MAP_SHARED, fd, 0);
	if (map == MAP_FAILED)
		return fail(found, -ENOMEM, "its records cannot be mapped: %s", strerror(errno));
	err = use_segment(found, map, &file, pid);
	if (found->count == before)
		munmap(map, (size_t)file.st_size);
	return err;
}

static bool is_segment(int folder, const char *name)
{
	char target[sizeof(LINK)];
	const ssize_t n = readlinkat(folder, name, target, sizeof(target));

	return n == sizeof(LINK) - 1 && !memcmp(target, LINK, (size_t)n);
}

static DIR *open_descriptors(pid_t pid)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/fd", pid);
	return opendir(path);
}

uint64_t records_signature(pid_t pid)
{
	DIR *folder = open_descriptors(pid);
	struct dirent *entry;
	uint64_t sum = 0;
	struct stat file;

	while (folder && (entry = readdir(folder)))
		if (is_segment(dirfd(folder), entry->d_name) &&
		    !fstatat(dirfd(folder), entry->d_name, &file, 0))
			sum += (uint64_t)file.st_ino * 2 + 1;
	if (folder)
		closedir(folder);
	return sum;
}

/* A device of another version does not hide the others. Its error stays if there are none. */
static int find_segments(struct found *found, DIR *folder, pid_t pid)
{
	struct dirent *entry;
	int fd, err = 0, other = 0;

	while (!err && (entry = readdir(folder))) {
		if (!is_segment(dirfd(folder), entry->d_name))
			continue;
		fd = openat(dirfd(folder), entry->d_name, O_RDONLY | O_CLOEXEC);
		if (fd < 0)
			continue;
		err = map_segment(found, fd, pid);
		close(fd);
		if (err == -EPROTO) {
			other = err;
			err = 0;
		}
	}
	return err || found->count ? err : other;
}

static int finish(struct found *found, int err, const char *none, struct records **all,
		  size_t *count)
{
	if (!err && !found->count)
		err = fail(found, -ENOENT, "%s", none);
	if (err) {
		records_close_all(found->all, found->count);
		return err;
	}
	*all = found->all;
	*count = found->count;
	return 0;
}

int records_open(pid_t pid, struct records **all, size_t *count, char *why, size_t size)
{
	struct found found = { .why = why, .size = size };
	DIR *folder = open_descriptors(pid);
	int err;

	*all = NULL;
	*count = 0;
	if (!folder && (errno == EACCES || errno == EPERM))
		return fail(
			&found, -EACCES,
			"it belongs to another user or has raised rights; run the command as root");
	if (!folder && access("/proc/self", F_OK))
		return fail(&found, -ESRCH, "/proc is not mounted, so processes cannot be read");
	if (!folder)
		return fail(&found, -ESRCH, "there is no such process");
	err = find_segments(&found, folder, pid);
	closedir(folder);
	return finish(&found, err,
		      "it has no device of libcoherent open, or its library has no shared records",
		      all, count);
}

/* --- A core dump --- */

/* Returns a part of the file, or NULL if the file does not have all of it. */
static const void *part(const unsigned char *file, uint64_t size, uint64_t offset, uint64_t bytes)
{
	return offset <= size && bytes <= size - offset ? file + offset : NULL;
}

/* Notes are aligned to four bytes only. */
static uint64_t word(const unsigned char *note, uint64_t i)
{
	uint64_t value;

	memcpy(&value, note + 8 * i, sizeof(value));
	return value;
}

/* NT_FILE (elf.h): a count, the size of a page, the addresses, and then the names. */
static int add_files_of_note(struct records *records, const unsigned char *note, uint64_t bytes)
{
	const uint64_t count = bytes >= 16 ? word(note, 0) : 0;
	const char *name, *end = (const char *)note + bytes;
	int err = 0;

	if (!count || count > (bytes - 16) / 24)
		return 0;
	name = (const char *)note + 16 + 24 * count;
	for (uint64_t i = 2; !err && i < 2 + 3 * count; i += 3) {
		const struct records_code code = {
			.first = word(note, i),
			.end = word(note, i + 1),
			.offset = word(note, i + 2) * word(note, 1),
			.path = (char *)(uintptr_t)name,
		};

		if (name >= end || !memchr(name, '\0', (size_t)(end - name)))
			break;
		err = add_code(records, &code);
		name += strlen(name) + 1;
	}
	return err;
}

static int add_code_of_core(struct records *records, const unsigned char *file, uint64_t size,
			    const Elf64_Phdr *notes)
{
	uint64_t offset = notes->p_offset;
	const uint64_t end = offset + notes->p_filesz;
	int err = 0;

	while (!err && offset < end) {
		const Elf64_Nhdr *note = part(file, size, offset, sizeof(*note));
		const unsigned char *body;
		uint64_t at;

		if (!note)
			break;
		at = offset + sizeof(*note) + (((uint64_t)note->n_namesz + 3) & ~UINT64_C(3));
		body = part(file, size, at, note->n_descsz);
		if (!body)
			break;
		if (note->n_type == NT_FILE)
			err = add_files_of_note(records, body, note->n_descsz);
		offset = at + (((uint64_t)note->n_descsz + 3) & ~UINT64_C(3));
	}
	return err;
}

/* Says whether what is read in place is aligned. The kernel and gdb align it. */
static bool is_aligned(const Elf64_Ehdr *elf)
{
	return !(elf->e_phoff % _Alignof(Elf64_Phdr)) &&
	       (elf->e_phnum != PN_XNUM || !(elf->e_shoff % _Alignof(Elf64_Shdr)));
}

/* elf(5): the first section has the number of parts if the header has no room for it. 0: truncated. */
static uint64_t count_programs(const unsigned char *file, uint64_t size, const Elf64_Ehdr *elf)
{
	const Elf64_Shdr *first;

	if (elf->e_phnum != PN_XNUM)
		return elf->e_phnum;
	first = part(file, size, elf->e_shoff, sizeof(*first));
	return first ? first->sh_info : 0;
}

/* A core dump without a part of the memory may lack objects or devices, and nothing tells which. */
static bool has_all_parts(const unsigned char *file, uint64_t size, const Elf64_Phdr *programs,
			  uint64_t count)
{
	for (uint64_t i = 0; i < count; i++)
		if ((programs[i].p_type == PT_LOAD || programs[i].p_type == PT_NOTE) &&
		    programs[i].p_filesz &&
		    !part(file, size, programs[i].p_offset, programs[i].p_filesz))
			return false;
	return true;
}

/* Adds the records that a part of the memory has, if it has some. */
static int add_part_of_core(struct found *found, const unsigned char *file, uint64_t size,
			    const Elf64_Phdr *program, const Elf64_Phdr *notes)
{
	const unsigned char *bytes = part(file, size, program->p_offset, program->p_filesz);
	struct segment_header header;
	struct records *records;
	int err;

	if (program->p_type != PT_LOAD || program->p_offset % 8 || !bytes ||
	    !copy_header(bytes, program->p_filesz, &header) || header.base != program->p_vaddr ||
	    !header.range_count)
		return 0;
	err = check_header(found, &header);
	if (err)
		return err;
	records = add(found, &header, bytes, program->p_filesz);
	if (!records || (notes && add_code_of_core(records, file, size, notes)))
		return fail(found, -ENOMEM, "memory is short");
	return 0;
}

static int read_core(struct found *found, const unsigned char *file, uint64_t size)
{
	const Elf64_Ehdr *elf = part(file, size, 0, sizeof(*elf));
	const Elf64_Phdr *programs, *notes = NULL;
	uint64_t count;
	int err = 0;

	if (!elf || memcmp(elf->e_ident, ELFMAG, SELFMAG) || elf->e_ident[EI_CLASS] != ELFCLASS64 ||
	    elf->e_type != ET_CORE)
		return fail(found, -ENOENT, "it is not a core dump of a 64-bit program");
	if (!is_aligned(elf))
		return fail(found, -ENOENT, DAMAGED);
	count = count_programs(file, size, elf);
	programs = part(file, size, elf->e_phoff, count * sizeof(*programs));
	if (!count || !programs || !has_all_parts(file, size, programs, count))
		return fail(found, -ENOENT, "the core dump is truncated");
	for (uint64_t i = 0; i < count; i++)
		if (programs[i].p_type == PT_NOTE)
			notes = &programs[i];
	if (notes && notes->p_offset % _Alignof(Elf64_Nhdr))
		return fail(found, -ENOENT, DAMAGED);
	for (uint64_t i = 0; !err && i < count; i++)
		err = add_part_of_core(found, file, size, &programs[i], notes);
	return err;
}

int records_open_core(const char *path, struct records **all, size_t *count, char *why, size_t size)
{
	struct found found = { .why = why, .size = size };
	/* The open of a FIFO would wait for a writer. */
	const int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	struct stat file;
	void *map;
	int err;

	*all = NULL;
	*count = 0;
	if (fd < 0)
		return fail(&found, -ENOENT,
			    "%s; give the number of a process or the path of a core dump",
			    strerror(errno));
	if (fstat(fd, &file) || !S_ISREG(file.st_mode) || !file.st_size) {
		close(fd);
		return fail(&found, -ENOENT, "it is not a core dump");
	}
	map = mmap(NULL, (size_t)file.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	close(fd);
	if (map == MAP_FAILED)
		return fail(&found, -EIO, "it cannot be mapped: %s", strerror(errno));
	err = read_core(&found, map, (uint64_t)file.st_size);
	/* The first device keeps the file mapped for all. */
	if (found.count) {
		found.all[0].map = map;
		found.all[0].map_size = (uint64_t)file.st_size;
	} else {
		munmap(map, (size_t)file.st_size);
	}
	return finish(&found, err, "the program had no device of libcoherent open", all, count);
}
