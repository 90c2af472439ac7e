/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * A model of the library. It predicts the result of every call, the addresses that an object may
 * have, and the bytes that a device may see. The caller of model_run() chooses where the calls
 * come from: a generator or a fuzzer.
 *
 * Words: a slot holds an object. Memory lingers if a device still reaches it after its end,
 * because unmapping failed or is not a fence. An address is in quarantine until it may be used
 * again. Time is a count of events.
 */
#ifndef MODEL_H
#define MODEL_H

#include <coherent.h>
#include <coherent/bar.h>
#include <coherent/sim.h>

/**
 * struct source - The source of the model's choices.
 * @random: The state of a generator, which is used if there are no bytes.
 * @bytes: A fuzzer's bytes; NULL for the generator.
 * @left: The number of bytes that are left.
 */
struct source {
	uint64_t random;
	const uint8_t *bytes;
	size_t left;
};

/* Makes this many calls, or fewer if no bytes are left. Aborts if a result is wrong. */
void model_run(struct source *source, unsigned long steps);

#define PAGE 4096
#define BYTES_MAX (3 * PAGE)
#define DEVICES 2
#define SLOTS 24
#define LINGERERS 32
/* The maximum of ranges in quarantine, as in iova_quarantine.h; above it the oldest leaves. */
#define QUARANTINE 4096
/* A space with more pages than this has room for all objects of the model. */
#define SMALL 512

/* --- Objects --- */

/* Has fields of every width and byte order, padding, and a size that does not divide a page. */
struct record {
	uint8_t tag;
	uint16_t half;
	coherent_le32 le32;
	coherent_be64 be64;
	coherent_le16 le16;
	coherent_be16 be16;
	coherent_be32 be32;
	coherent_le64 le64;
	uint32_t words[3];
	double real;
	struct pair {
		int16_t x;
		uint8_t y;
	} pairs[2];
	coherent_be16 rings[2][4];
	int64_t number;
};

COHERENT_FIELDS(struct record, .tag, .half, .le32, .be64, .le16, .be16, .be32, .le64, .words, .real,
		.pairs[0].x, .pairs[0].y, .pairs[1].x, .pairs[1].y, .rings, .number);

COHERENT_BOX_TYPE(byte_box, uint8_t);
COHERENT_TYPE(byte_mem, uint8_t);
COHERENT_VIEW_TYPE(byte_view, uint8_t);
COHERENT_BOX_TYPE(record_box, struct record);
COHERENT_TYPE(record_mem, struct record);
COHERENT_VIEW_TYPE(record_view, struct record);

/**
 * struct place - Memory at a device address.
 * @dev: The number of the device.
 * @address: The address; 0 if there is none.
 * @pages: The number of pages.
 * @align: The alignment that was asked for, at least a page.
 * @boundary: The boundary that was asked for, at least a page; 0 for none.
 * @mask: The mask that was asked for; 0 for none.
 * @bytes: The contents.
 * @reachable: Whether the device can read it.
 * @readonly: Whether the device cannot write it.
 * @quiet: Whether it was allocated with COHERENT_ATTR_NO_WARN.
 * @leaked: Whether unmapping failed.
 * @in_place: Whether the device reaches it while it is a box.
 * @state: The state that a fault must have.
 * @chosen: Whether the driver chose the address when it made the object.
 * @is_own: Whether the memory is a mapping that the object has for itself.
 * @adopted: The memory of the driver; NULL for memory of the library.
 */
struct place {
	unsigned int dev;
	uint64_t address;
	size_t pages;
	uint64_t align;
	uint64_t boundary;
	uint64_t mask;
	uint8_t bytes[BYTES_MAX];
	bool reachable;
	bool readonly;
	bool quiet;
	bool leaked;
	bool in_place;
	bool chosen;
	bool is_own;
	enum coherent_state state;
	uint8_t *adopted;
};

enum kind { EMPTY, BOX, MEM, HANDLE };

/**
 * struct slot - A variable that holds an object.
 * @kind: The kind of the object.
 * @is_records: Whether its elements are records; otherwise they are bytes.
 * @count: The number of elements.
 * @place: Its memory.
 * @bytes: The object, if elements are bytes.
 * @records: The object, if they are records.
 * @handle: The object, if it is a handle.
 */
struct slot {
	enum kind kind;
	bool is_records;
	size_t count;
	struct place place;
	struct {
		union byte_box box;
		union byte_mem mem;
	} bytes;
	struct {
		union record_box box;
		union record_mem mem;
	} records;
	struct coherent_handle handle;
};

/* Makes a call on the box or the mem of a slot, whatever its elements are. */
#define EITHER(slot, call, member, ...)                                                  \
	((slot)->is_records ? call(&(slot)->records.member __VA_OPT__(, ) __VA_ARGS__) : \
			      call(&(slot)->bytes.member __VA_OPT__(, ) __VA_ARGS__))

/* --- Devices --- */

#define CHANNELS 3
#define CHUNK 256
#define LOG 256
/* The bytes of configuration space that are not always zero. */
#define CONFIG_BYTES 512
#define FAULTS 64

/* The registers of a channel. BAR 0 begins with the registers of all channels. */
struct channel {
	uint64_t src;
	uint64_t dst;
	uint32_t len;
	uint32_t cmd;
	uint32_t status;
	uint32_t done;
};

/* The registers of BAR 0, as the driver names them. The engine gives no meaning to its notes. */
struct registers {
	const struct channel channels[CHANNELS];
	struct notes {
		uint8_t u8;
		uint16_t u16;
		coherent_be32 be32;
		coherent_be64 be64;
		coherent_le16 le16;
		coherent_be16 be16;
		coherent_le32 le32;
		coherent_le64 le64;
		uint64_t u64;
		int32_t s32;
		uint32_t u32;
	} notes[2];
};

COHERENT_BAR_TYPE(engine_bar, struct registers);

enum { CMD_READ = 1, CMD_WRITE = 2, CMD_COPY = 3 };
enum { STATUS_DONE = 1, STATUS_FAILED };

/**
 * struct access - An access of an engine, as its log has it.
 * @when: The time.
 * @address: The device address.
 * @bytes: The number of bytes.
 * @what: Whether it is a read or a write.
 * @err: The result.
 * @data: The bytes that the engine read or wrote.
 */
struct access {
	uint64_t when;
	uint64_t address;
	size_t bytes;
	enum coherent_access what;
	int err;
	uint8_t data[CHUNK];
};

/**
 * struct engine - A device with DMA channels, as the device sees it.
 * @bars: The registers.
 * @log: The accesses since the log was last replayed.
 * @logged: The number of accesses in the log.
 * @raised: The vectors that the engine raised. The driver reads and clears it.
 * @ticked: How often the engine ran.
 * @opened: How often the simulator made this call. The next three count calls too.
 * @closed: See @opened.
 * @resets: See @opened.
 * @writes: See @opened.
 * @bar: The BAR of the last register access. The next three describe that access too.
 * @offset: See @bar.
 * @width: See @bar.
 * @value: See @bar.
 * @config: Configuration space. Behind it there are zeros.
 */
struct engine {
	uint8_t bars[6][256];
	struct access log[LOG];
	unsigned int logged;
	uint32_t raised;
	unsigned long ticked;
	unsigned int opened, closed, resets;
	unsigned long writes;
	unsigned int bar;
	uint64_t offset;
	unsigned int width;
	uint64_t value;
	uint8_t config[CONFIG_BYTES];
};

extern const struct coherent_sim_model engine_model;

/* An address in quarantine. */
struct retired {
	uint64_t address;
	size_t pages;
	enum coherent_state state;
};

struct bar {
	struct coherent_bar *bar;
	bool read_reported, write_reported;
};

struct irq {
	struct coherent_irq *irq;
	bool pending;
};

/**
 * struct device - A device, as its driver and the model see it.
 * @dev: The device.
 * @engine: The device's own side.
 * @lazy: Whether unmapping is not a fence.
 * @model_mask: The mask that the device was opened with.
 * @mask: The mask in force.
 * @pages: The number of pages of addresses.
 * @until: The step at which the device is closed.
 * @settled: Whether the mask, and with it the quarantine, stays until the close.
 * @objects: The number of objects, as coherent_device_set_mask() counts them.
 * @maps: The number of mappings.
 * @maps_max: The maximum of mappings; 0 for no limit.
 * @map_calls: The number of attempts to map.
 * @fail_map: The attempt that fails; 0 for none.
 * @unmap_calls: The number of attempts to unmap.
 * @fail_unmap: The attempt that fails; 0 for none.
 * @quarantine: The addresses in quarantine, a ring.
 * @oldest: The index of the oldest of them.
 * @retired: The number of them.
 * @retired_pages: The number of their pages, guards included.
 * @faults: The faults that the driver has not read yet, a ring.
 * @first_fault: The index of the oldest of them.
 * @fault_count: The number of them.
 * @lost: The number of faults that newer ones replaced.
 * @reports: The number of reports of each severity.
 * @expected: The number of reports that the model predicts.
 * @ticks: The time of the device's clock.
 * @ran: How often the engine must have run.
 * @delay: The number of ticks by which a register write delays the engine.
 * @held: Whether the engine is delayed.
 * @held_until: The tick at which the delay ends.
 * @checked: The number of accesses in the log that were compared with memory.
 * @config: Configuration space, as the driver wrote it.
 * @bars: The open BARs.
 * @registers: BAR 0, whose registers have names.
 * @irqs: The open interrupts.
 */
struct device {
	struct coherent_device *dev;
	struct engine engine;
	bool lazy;
	uint64_t model_mask, mask;
	uint64_t pages;
	unsigned long until;
	bool settled;
	unsigned int objects;
	unsigned int maps, maps_max;
	unsigned int map_calls, fail_map;
	unsigned int unmap_calls, fail_unmap;
	struct retired quarantine[QUARANTINE + 1];
	unsigned int oldest, retired;
	uint64_t retired_pages;
	struct coherent_fault faults[FAULTS];
	unsigned int first_fault, fault_count;
	unsigned long lost;
	unsigned int reports[3], expected[3];
	uint64_t ticks;
	unsigned long ran;
	unsigned int delay;
	bool held;
	uint64_t held_until;
	unsigned int checked;
	uint8_t config[CONFIG_BYTES];
	struct bar bars[6];
	union engine_bar registers;
	struct irq irqs[CHANNELS];
};

struct model {
	struct source *source;
	unsigned long step;
	uint64_t now;
	struct device devices[DEVICES];
	struct slot slots[SLOTS];
	struct place lingerers[LINGERERS];
};

extern struct model model;

static inline struct device *device_of(const struct place *place)
{
	return &model.devices[place->dev];
}

/* --- model.c: choices and failures --- */

#define CHECK(condition) ((condition) ? (void)0 : fail(__FILE__, __LINE__, #condition))
#define EXPECT(call, err) expect(__FILE__, __LINE__, #call, (call), (err))

void fail(const char *file, int line, const char *what) __attribute__((noreturn));
void expect(const char *file, int line, const char *call, int got, int err);

/* pick() returns a number below n. chance() returns true in one case of n. */
uint32_t pick(uint32_t n);
bool chance(uint32_t n);
/* Writes bytes of which none is zero. */
void pattern(void *to, size_t bytes);

/* --- space.c: addresses, quarantine, memory that lingers --- */

/* Predicts the result of an allocation, 0 or -ENOSPC, and empties the quarantine as needed. */
int space_reserve(const struct place *place);
/* As above for a wanted address, for which nothing but what is kept gives way. */
int space_reserve_at(const struct place *place, uint64_t address);
/* Checks the address of a new object: it fits the options, and no other object has it. */
void space_claim(const struct place *place);
/* Records the end of an exposed object. The caller then empties the slot. */
void space_end(const struct place *place, enum coherent_state state, bool leaked);
/* Ends the memory that waits for a fence, and with @all also memory that leaked. */
void space_release(unsigned int dev, bool all);
void space_empty_quarantine(struct device *device);
bool space_is_crowded(void);
/* Predicts the result of a device's access: the memory that it reaches, or its fault. */
int space_predict(unsigned int dev, uint64_t address, size_t bytes, enum coherent_access access,
		  struct place **place, struct coherent_fault *fault);
/* Picks an address of an object or of no object. */
uint64_t space_pick(unsigned int dev);

/* --- exposure.c: when memory was exposed --- */

void exposure_begin(const struct place *place);
void exposure_end(const struct place *place);
/* Compares all logs with that record if little room is left, or in any case. */
void exposure_replay(bool in_any_case);
void exposure_start(void);

/* --- device.c: devices, their faults and reports --- */

void device_open(unsigned int i);
void device_close(unsigned int i);
void device_fence(unsigned int i);
void device_change_mask(unsigned int i);
void device_ask(unsigned int i);
/* Makes opens that fail, devices that end with their scope, and calls on a NULL device. */
void device_misuse(void);
/* The library must have made a report, or queued a fault. */
void expect_report(struct device *device, enum coherent_severity severity);
void expect_fault(struct device *device, const struct coherent_fault *fault);
void device_read_faults(struct device *device);

/* --- driver.c: registers, interrupts, transfers --- */

void driver_program(struct device *device);
void driver_run(struct device *device);
void driver_registers(struct device *device);
void config_use(struct device *device);
void driver_interrupts(struct device *device);
/* A device tries accesses that the driver did not ask for. */
void driver_tries(struct slot *slot);
void driver_tries_address(unsigned int dev, uint64_t address);
/* Opens a BAR, so that something refers to the device after its close; then uses it. */
void driver_keeps_bar(struct device *device);
void driver_after_close(struct device *device);

/* --- object.c, birth.c: birth, phases, death of objects --- */

size_t slot_size(const struct slot *slot);
void slot_check(struct slot *slot);

void object_allocate(struct slot *slot);
void object_fill(struct slot *slot);
void object_expose(struct slot *slot);
void object_expose_all(struct slot *slot);
void object_find(struct slot *slot);
void object_reclaim(struct slot *slot);
void object_free(struct slot *slot);
void object_move(struct slot *slot);
/* Checks and frees an object whose device is closed. */
void object_after_close(struct slot *slot);

/* --- adopt.c: memory of the driver --- */

/* Gets memory with these contents, and zeros behind them. adopt_put() is its release. */
uint8_t *adopt_get(const void *contents, size_t bytes);
void adopt_put(void *memory, void *arg);
/* Where the library copies, the end of the last page does not come back from the device. */
void adopt_reclaimed(struct slot *slot);
/* Checks that all memory is back. */
void adopt_end(void);

/* --- share.c: memory of two devices, and pieces --- */

void share_step(struct slot *slot);
void share_pieces(unsigned int dev);

/* --- loan.c: memory that is lent --- */

/* Lends a box, uses the loan and ends it. */
void loan_step(struct slot *slot);
void loan_misuse(void);

/* --- pool.c: small objects --- */

void pool_start(void);
void pool_step(void);
void pool_end(void);

/* --- field.c: accessors --- */

void field_use(struct slot *slot);
void field_copy(struct slot *slot);
void field_view(struct slot *slot);
/* Zeroes the bytes that a copy leaves zero. */
void field_clear_padding(uint8_t *bytes, size_t records);

/* --- array.c: arrays inside an element, many elements at once --- */

void array_use(struct slot *slot);
void array_clear(struct slot *slot);

#endif
