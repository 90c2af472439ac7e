// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Finds fields that the driver reads twice. The device may change them in between, so that the driver
 * checks one value and uses another. The accessors of a program that is built with -DCOHERENT_HARDEN
 * call the functions here. They do nothing while no device is hardened.
 */
#include <coherent.h>
#include <coherent/lookup.h>
#include <pthread.h>

#include "base/order_count.h"
#include "base/sys.h"
#include "base/sys_fault.h"
#include "device/hardened.h"

#define WORD_BYTES 8
#define SEEN 256
#define PAIRS 1024

/**
 * struct seen - Bytes that the thread has read.
 * @word: Their address, rounded down to a word.
 * @mask: A bit for each byte of the word.
 * @order: order_count() at that time.
 * @code: The code behind the read.
 */
struct seen {
	uintptr_t word;
	unsigned int mask;
	uint64_t order;
	const void *code;
};

/*
 * The words that the thread read last, or NULL. Another one may take the place of a word. The table is
 * not thread-local itself: the loader has little room for such variables of a library that a running
 * program loads.
 */
static __thread struct seen *all_seen;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_key_t key;
static bool has_key;

/**
 * struct twice - Bytes that were read twice.
 * @at: The first byte.
 * @bytes: How many there are.
 * @first: The code behind the first read.
 * @second: The code behind the second one.
 */
struct twice {
	const char *at;
	size_t bytes;
	const void *first;
	const void *second;
};

/* --- Reports --- */

/* Returns whether a pair of lines, or of pieces of code, is reported for the first time. */
static bool is_new(uint64_t first, uint64_t second)
{
	static uint64_t known[PAIRS];
	const uint64_t pair = (first * 31 + second) * UINT64_C(0x9e3779b97f4a7c15);

	return __atomic_exchange_n(&known[pair % PAIRS], pair, __ATOMIC_RELAXED) != pair;
}

static uint64_t hash(const char *line)
{
	uint64_t sum = 0;

	while (*line)
		sum = sum * 31 + (unsigned char)*line++;
	return sum;
}

static void report_twice(const struct twice *twice)
{
	struct coherent_device *dev = hardened_find(twice->at);
	char first[SYS_LINE_BYTES];
	struct coherent_info info;
	struct sys_line line;

	/* A device cannot change what it may only read. */
	if (!dev || coherent_find_ptr(dev, twice->at, &info) || info.state != COHERENT_STATE_MEM ||
	    !is_new((uintptr_t)twice->first, (uintptr_t)twice->second))
		return;
	sys_line_of(&line, &twice->first, 1, false);
	strcpy(first, line.text);
	sys_line_of(&line, &twice->second, 1, false);
	/* The compiler may have made several copies of a line. */
	if (!is_new(hash(first), hash(line.text)))
		return;
	report(&dev->reporter, COHERENT_WARNING,
	       "%s: the driver read %zu byte%s at byte %zu of the mem allocated at %s twice, at %s "
	       "and at %s, and the device may have changed them in between; read them once, or put "
	       "coherent_rmb() in between",
	       dev->name, twice->bytes, twice->bytes == 1 ? "" : "s", (size_t)info.offset,
	       info.where, first, line.text);
}

/* --- The table of a thread --- */

/*
 * pthreads calls this when a thread ends. Another function that it calls then may read a mem: the thread
 * gets a new table for that, and pthreads calls this again.
 */
static void free_table(void *table)
{
	all_seen = NULL;
	sys_unmap(table, SEEN * sizeof(struct seen));
}

static void make_key(void)
{
	has_key = !pthread_key_create(&key, free_table);
}

/* A thread that gets no memory for its table has none, and its reads are not noted. */
static void make_table(void)
{
	void *table;

	(void)pthread_once(&once, make_key);
	if (!has_key || sys_map(SEEN * sizeof(struct seen), 0, &table))
		return;
	if (pthread_setspecific(key, table))
		sys_unmap(table, SEEN * sizeof(struct seen));
	else
		all_seen = table;
}

static struct seen *seen_of(uintptr_t word)
{
	return all_seen ? &all_seen[word / WORD_BYTES * UINT64_C(0x9e3779b97f4a7c15) >> 56] : NULL;
}

/* --- Accesses --- */

static unsigned int mask_of(uintptr_t at, size_t bytes)
{
	return ((1u << bytes) - 1) << at % WORD_BYTES;
}

/* No access crosses a word, because fields have their natural alignment. */
void coherent_base_note_read(const volatile void *at, size_t bytes)
{
	const uintptr_t word = (uintptr_t)at & -(uintptr_t)WORD_BYTES;
	const unsigned int mask = mask_of((uintptr_t)at, bytes);
	const void *const code = __builtin_return_address(0);
	struct seen *seen, before;

	if (!hardened_count())
		return;
	if (!all_seen)
		make_table();
	seen = seen_of(word);
	if (!seen)
		return;
	before = *seen;
	if (before.word != word || before.order != order_count())
		before.mask = 0;
	*seen = (struct seen){ word, before.mask | mask, order_count(), code };
	if (before.mask & mask)
		report_twice(
			&(struct twice){ (const char *)(uintptr_t)at, bytes, before.code, code });
}

/* The driver may read again what it wrote itself. */
void coherent_base_note_write(const volatile void *at, size_t bytes)
{
	const uintptr_t word = (uintptr_t)at & -(uintptr_t)WORD_BYTES;
	struct seen *seen = seen_of(word);

	if (seen && hardened_count() && seen->word == word)
		seen->mask &= ~mask_of((uintptr_t)at, bytes);
}

void coherent_base_note_order(void)
{
	order_count_add();
}
