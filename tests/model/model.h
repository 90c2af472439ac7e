/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * A model of the library: it knows what every call must answer, where objects may
 * stand, and which bytes a device may see. Where the calls come from, a generator
 * or a fuzzer, is up to the caller of model_run().
 *
 * Words: objects stand in slots. Exposed memory lingers after its end where a
 * device still gets there, because unmapping failed or is no fence; an address
 * that nobody may get yet is in quarantine. Time is a count of what happened.
 */
#ifndef MODEL_H
#define MODEL_H

#include <coherent.h>
#include <coherent/bar.h>
#include <coherent/sim.h>

/**
 * struct source - Where choices come from.
 * @random: State of a generator, if there are no bytes.
 * @bytes: A fuzzer's bytes; NULL for the generator.
 * @left: How many bytes are left.
 */
struct source {
	uint64_t random;
	const uint8_t *bytes;
	size_t left;
};

/* Makes calls until so many are made or no bytes are left; aborts where one is wrong. */
void model_run(struct source *source, unsigned long steps);

#define PAGE 4096
#define BYTES_MAX (3 * PAGE)
#define DEVICES 2
#define SLOTS 24
#define LINGERERS 32
/* src/iova.h: of more, the oldest leaves. */
#define QUARANTINE 4096
/* A space of more pages has room for all that is ever asked for. */
#define SMALL 512

/* --- Objects --- */

/* Every width and byte order, with padding, and not of a size that divides a page. */
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
	int64_t number;
};

COHERENT_FIELDS(struct record, .tag, .half, .le32, .be64, .le16, .be16, .be32, .le64, .words, .real,
		.pairs[0].x, .pairs[0].y, .pairs[1].x, .pairs[1].y, .number);

COHERENT_BOX_TYPE(byte_box, uint8_t);
COHERENT_TYPE(byte_mem, uint8_t);
COHERENT_VIEW_TYPE(byte_view, uint8_t);
COHERENT_BOX_TYPE(record_box, struct record);
COHERENT_TYPE(record_mem, struct record);
COHERENT_VIEW_TYPE(record_view, struct record);

/**
 * struct place - Memory at a device address.
 * @dev: Which device.
 * @address: The address; 0 if there is none.
 * @pages: How many.
 * @align: What was asked for, at least a page.
 * @boundary: What was asked for, at least a page; 0 for none.
 * @bytes: What is in it.
 * @reachable: The device gets there.
 * @readonly: But does not write.
 * @quiet: Allocated without warnings.
 * @leaked: Unmapping failed.
 * @state: What a fault must say.
 */
struct place {
	unsigned int dev;
	uint64_t address;
	size_t pages;
	uint64_t align;
	uint64_t boundary;
	uint8_t bytes[BYTES_MAX];
	bool reachable;
	bool readonly;
	bool quiet;
	bool leaked;
	enum coherent_state state;
};

enum kind { EMPTY, BOX, MEM, HANDLE };

/**
 * struct slot - Where an object stands.
 * @kind: What it is.
 * @is_records: Its elements are records; else bytes.
 * @count: Elements.
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

/* A call on the box or the mem of a slot, whatever its elements are. */
#define EITHER(slot, call, member, ...)                                                  \
	((slot)->is_records ? call(&(slot)->records.member __VA_OPT__(, ) __VA_ARGS__) : \
			      call(&(slot)->bytes.member __VA_OPT__(, ) __VA_ARGS__))

/* --- Devices --- */

#define CHANNELS 3
#define CHUNK 256
#define LOG 256
#define FAULTS 64

/* Registers of a channel; those of all of them begin BAR 0. */
struct channel {
	uint64_t src;
	uint64_t dst;
	uint32_t len;
	uint32_t cmd;
	uint32_t status;
	uint32_t done;
};

enum { CMD_READ = 1, CMD_WRITE = 2, CMD_COPY = 3 };
enum { STATUS_DONE = 1, STATUS_FAILED };

/**
 * struct access - What an engine did: a line of its log.
 * @when: The time.
 * @address: Device address.
 * @bytes: How many.
 * @what: Read or write.
 * @err: What it was answered.
 * @data: What it read or wrote.
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
 * struct engine - A device with DMA channels, the device's side of it.
 * @bars: Its registers.
 * @log: What it did since the log was last replayed.
 * @logged: How many accesses.
 * @raised: Vectors it interrupted on; whoever reads it clears it.
 * @ticked: How often it ran.
 * @opened: How often this callback was called, as the next three.
 * @closed: See @opened.
 * @resets: See @opened.
 * @writes: See @opened.
 * @bar: Of the last register access, as the next three.
 * @offset: See @bar.
 * @width: See @bar.
 * @value: See @bar.
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
	bool reported;
};

struct irq {
	struct coherent_irq *irq;
	bool pending;
};

/**
 * struct device - A device, as its driver and the model see it.
 * @dev: The device.
 * @engine: Its other side.
 * @lazy: Unmapping is no fence.
 * @model_mask: The mask it was opened with.
 * @mask: In force.
 * @pages: How many pages of addresses there are.
 * @until: It is closed at this step.
 * @settled: Its mask stays, and so does what is in quarantine.
 * @objects: As coherent_device_set_mask() counts them.
 * @maps: How many are mapped.
 * @maps_max: How many may be; 0 for no limit.
 * @map_calls: Attempts.
 * @fail_map: Which of them fails; 0 for none.
 * @unmap_calls: Attempts.
 * @fail_unmap: Which of them fails; 0 for none.
 * @quarantine: A ring.
 * @oldest: In it.
 * @retired: How many are in it.
 * @retired_pages: Guards included.
 * @faults: What nobody read yet, a ring.
 * @first_fault: The oldest.
 * @fault_count: How many.
 * @lost: Faults that were dropped for newer ones.
 * @heard: Reports by severity.
 * @said: What they must be.
 * @ticks: Of its clock.
 * @ran: How often the engine must have run.
 * @delay: A register write holds ticks back for so many.
 * @held: They are.
 * @held_until: When they are not any more.
 * @digested: How much of the log was compared with the bytes.
 * @bars: Open BARs.
 * @irqs: Open interrupts.
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
	unsigned int heard[3], said[3];
	uint64_t ticks;
	unsigned long ran;
	unsigned int delay;
	bool held;
	uint64_t held_until;
	unsigned int digested;
	struct bar bars[6];
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

/* One of n; true in one case of n. */
uint32_t pick(uint32_t n);
bool chance(uint32_t n);
/* Some bytes, none of which is zero. */
void pattern(void *to, size_t bytes);

/* --- space.c: addresses, what is in quarantine, what lingers --- */

/* What an allocation must answer, 0 or -ENOSPC; quarantine gives way as it must. */
int space_reserve(const struct place *place);
/* An object has got its address: it is as asked for, and was nobody's. */
void space_claim(const struct place *place);
/* An exposed object ends; the slot is to be emptied. */
void space_end(const struct place *place, enum coherent_state state, bool leaked);
/* Nothing waits for a fence any more; with all, not even what leaked is there. */
void space_release(unsigned int dev, bool all);
void space_empty_quarantine(struct device *device);
bool space_is_crowded(void);
/* What a device must be answered; what it reaches, or the fault that it leaves. */
int space_predict(unsigned int dev, uint64_t address, size_t bytes, enum coherent_access access,
		  struct place **place, struct coherent_fault *fault);
/* An address of something, or of nothing. */
uint64_t space_pick(unsigned int dev);

/* --- exposure.c: what was exposed when --- */

void exposure_begin(const struct place *place);
void exposure_end(const struct place *place);
/* All logs against that record, if there is not much room left, or in any case. */
void exposure_replay(bool in_any_case);
void exposure_start(void);

/* --- device.c: devices, their faults and reports --- */

void device_open(unsigned int i);
void device_close(unsigned int i);
void device_fence(unsigned int i);
void device_change_mask(unsigned int i);
void device_ask(unsigned int i);
/* Opens that fail, devices that live for a scope, calls on no device. */
void device_misuse(void);
/* A report must come, or a fault be waiting. */
void device_says(struct device *device, enum coherent_severity severity);
void device_faults(struct device *device, const struct coherent_fault *fault);
void device_read_faults(struct device *device);

/* --- driver.c: registers, interrupts, transfers --- */

void driver_program(struct device *device);
void driver_run(struct device *device);
void driver_registers(struct device *device);
void driver_interrupts(struct device *device);
/* A device tries memory without being asked. */
void driver_tries(struct slot *slot);
/* The BARs and interrupts of a device before it is closed, and after. */
void driver_stays(struct device *device);
void driver_outlives(struct device *device);

/* --- object.c: birth, phases, death --- */

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
/* Its device is closed. */
void object_outlives(struct slot *slot);

/* --- pool.c: small objects --- */

void pool_start(void);
void pool_step(void);
void pool_end(void);

/* --- field.c: accessors --- */

void field_use(struct slot *slot);
void field_copy(struct slot *slot);
void field_view(struct slot *slot);
/* What a copy leaves zero. */
void field_clear_padding(uint8_t *bytes, size_t records);

#endif
