// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * What must not compile, each with a twin that must. run.py takes this file
 * apart: the halves are bodies of int test(void); prelude.h declares what they
 * work on; the expected words are a regular expression.
 */

/* A box is not a mem. */

CASE address_of_box expects a box has no device address
BAD
	return coherent_addr(box).raw != 0;
GOOD
	return coherent_addr(mem).raw != 0;
END

CASE address_of_element_of_box expects a box has no device address
BAD
	return coherent_addr_at(box, 0, &addr);
GOOD
	return coherent_addr_at(mem, 0, &addr);
END

CASE read_box expects a box has no device address and no accessors
BAD
	return coherent_read(box, 0, .len, &u32);
GOOD
	return (int)coherent_box_ptr(box)[0].len;
END

CASE write_box expects a box has no device address and no accessors
BAD
	return coherent_write(box, 0, .len, 1);
GOOD
	coherent_box_ptr(box)[0].len = 1;
	return 0;
END

CASE view_of_box expects a box has no device address
BAD
	return coherent_view(box, 0, 1, view);
GOOD
	return coherent_view(mem, 0, 1, view);
END

CASE slot_of_box expects a box has no device address
BAD
	return coherent_slot(box, 0, slot);
GOOD
	return coherent_slot(mem, 0, slot);
END

CASE ring_of_box expects a box has no device address
BAD
	return coherent_ring(box, ring);
GOOD
	return coherent_ring(mem, ring);
END

CASE copy_out_of_box expects a box has no device address
BAD
	return coherent_copy_out(box, 0, desc, 1);
GOOD
	return coherent_copy_out(mem, 0, desc, 1);
END

CASE count_of_box_as_mem expects a box has no device address
BAD
	return (int)coherent_count(box);
GOOD
	return (int)coherent_box_count(box);
END

CASE unsafe_pointer_of_box expects a box has no device address
BAD
	return coherent_unsafe_ptr(box) != NULL;
GOOD
	return coherent_unsafe_ptr(mem) != NULL;
END

CASE free_box_as_mem expects this needs a mem
BAD
	coherent_free(box);
	return 0;
GOOD
	coherent_box_free(box);
	return 0;
END

CASE reclaim_box expects this needs a mem
BAD
	return coherent_reclaim(box, box);
GOOD
	return coherent_reclaim(mem, box);
END

CASE zero_box_as_mem expects this needs a mem
BAD
	return coherent_zeroed(box, dev, 1);
GOOD
	return coherent_box_zeroed(box, dev, 1);
END

/* A mem is not a box. */

CASE pointer_of_mem expects this needs a box
BAD
	return coherent_box_ptr(mem) != NULL;
GOOD
	return coherent_box_ptr(box) != NULL;
END

CASE expose_mem expects this needs a box
BAD
	return coherent_expose(mem, mem2);
GOOD
	return coherent_expose(box, mem2);
END

CASE expose_swapped expects this needs a box
BAD
	return coherent_expose(mem, box);
GOOD
	return coherent_expose(box, mem);
END

CASE expose_into_box expects this needs a mem
BAD
	return coherent_expose(box, box);
GOOD
	return coherent_expose(box, mem);
END

CASE free_mem_as_box expects this needs a box
BAD
	coherent_box_free(mem);
	return 0;
GOOD
	coherent_free(mem);
	return 0;
END

CASE init_at_of_mem expects this needs a box
BAD
	return coherent_box_init_at(mem, 0, fill, NULL);
GOOD
	return coherent_box_init_at(box, 0, fill, NULL);
END

CASE zero_mem_as_box expects this needs a box
BAD
	return coherent_box_zeroed(mem, dev, 1);
GOOD
	return coherent_zeroed(mem, dev, 1);
END

CASE reclaim_into_mem expects this needs a box
BAD
	return coherent_reclaim(mem, mem2);
GOOD
	return coherent_reclaim(mem, box);
END

CASE element_of_mem_by_hand expects function
BAD
	return (int)mem->type[0].len;
GOOD
	return coherent_read(mem, 0, .len, &u32);
END

CASE move_box_to_mem expects one is a box
BAD
	coherent_move(box, mem);
	return 0;
GOOD
	coherent_move(mem, mem2);
	return 0;
END

/* Views, slots and rings own nothing, and are not each other. */

CASE free_view expects this needs a mem
BAD
	coherent_free(view);
	return 0;
GOOD
	return (int)coherent_count(view);
END

CASE reclaim_view expects this needs a mem
BAD
	return coherent_reclaim(view, box);
GOOD
	return coherent_reclaim(mem, box);
END

CASE move_view expects only a box or a mem
BAD
	union view to = COHERENT_EMPTY;
	
	coherent_move(view, &to);
	return (int)coherent_count(&to);
GOOD
	union mem to = COHERENT_EMPTY;
	
	coherent_move(mem, &to);
	return (int)coherent_count(&to);
END

CASE view_into_mem expects this needs a view
BAD
	return coherent_view(mem, 0, 1, mem2);
GOOD
	return coherent_view(mem, 0, 1, view);
END

CASE read_slot expects a mem or a view
BAD
	return coherent_read(slot, 0, .len, &u32);
GOOD
	return (int)coherent_slot_get(slot, .len);
END

CASE get_of_mem expects this needs a slot
BAD
	return (int)coherent_slot_get(mem, .len);
GOOD
	return (int)coherent_slot_get(slot, .len);
END

CASE put_to_mem expects this needs a slot
BAD
	coherent_slot_put(mem, .len, 1);
	return 0;
GOOD
	coherent_slot_put(slot, .len, 1);
	return 0;
END

CASE ring_get_of_slot expects this needs a ring
BAD
	return (int)coherent_ring_get(slot, 0, .len);
GOOD
	return (int)coherent_ring_get(ring, 0, .len);
END

CASE ring_put_to_mem expects this needs a ring
BAD
	coherent_ring_put(mem, 0, .len, 1);
	return 0;
GOOD
	coherent_ring_put(ring, 0, .len, 1);
	return 0;
END

CASE try_view expects a device tries a box or a mem
BAD
	return coherent_sim_try(dev, view, 0, pointer, 1, COHERENT_ACCESS_READ);
GOOD
	return coherent_sim_try(dev, box, 0, pointer, 1, COHERENT_ACCESS_READ);
END

CASE no_object_at_all expects no member named
BAD
	return coherent_read(desc, 0, .len, &u32);
GOOD
	return coherent_read(mem, 0, .len, &u32);
END

/* Element types. */

CASE expose_into_other_type expects different element types
BAD
	return coherent_expose(box, other_mem);
GOOD
	return coherent_expose(box, mem);
END

CASE reclaim_into_other_type expects different element types
BAD
	return coherent_reclaim(mem, other_box);
GOOD
	return coherent_reclaim(mem, box);
END

CASE view_of_other_type expects another element type
BAD
	return coherent_view(mem, 0, 1, other_view);
GOOD
	return coherent_view(mem, 0, 1, view);
END

CASE slot_of_other_type expects another element type
BAD
	return coherent_slot(mem, 0, other_slot);
GOOD
	return coherent_slot(mem, 0, slot);
END

CASE ring_of_other_type expects another element type
BAD
	return coherent_ring(mem, other_ring);
GOOD
	return coherent_ring(mem, ring);
END

CASE move_to_other_type expects different element types
BAD
	coherent_move(mem, other_mem);
	return 0;
GOOD
	coherent_move(mem, mem2);
	return 0;
END

CASE from_other_type expects another element type
BAD
	return coherent_box_from(other_box, dev, padded, 1);
GOOD
	return coherent_box_from(other_box, dev, other, 1);
END

CASE mem_from_other_type expects another element type
BAD
	return coherent_from(other_mem, dev, padded, 1);
GOOD
	return coherent_from(other_mem, dev, other, 1);
END

CASE copy_out_to_other_type expects another element type
BAD
	return coherent_copy_out(mem, 0, other, 1);
GOOD
	return coherent_copy_out(mem, 0, desc, 1);
END

CASE copy_in_from_other_type expects another element type
BAD
	return coherent_copy_in(padded_mem, 0, other, 1);
GOOD
	return coherent_copy_in(padded_mem, 0, padded, 1);
END

CASE pointer_of_other_type expects incompatible
BAD
	extern void takes(struct other *);
	_Static_assert(_Generic(coherent_box_ptr(box), struct other *: 1, default: 0), "incompatible");
	return 0;
GOOD
	_Static_assert(_Generic(coherent_box_ptr(box), struct desc *: 1, default: 0), "incompatible");
	return 0;
END

CASE view_of_field_of_other_type expects neither that of the field nor of its array elements
BAD
	return coherent_view_field(mem, 0, .flags, u32_view);
GOOD
	return coherent_view_field(mem, 0, .flags, u16_view);
END

CASE init_other_type expects the initialiser must be int fn\(T \*element
BAD
	return coherent_box_init_at(box, 0, fill_other, NULL);
GOOD
	return coherent_box_init_at(box, 0, fill, NULL);
END

CASE init_other_arg expects the initialiser must be int fn\(T \*element
BAD
	return coherent_box_init_at(box, 0, fill_number, 3);
GOOD
	return coherent_box_init_at(box, 0, fill, &n);
END

CASE init_all_with_one expects the initialiser must be int fn\(T \*elements
BAD
	return coherent_init(mem, dev, 1, fill, NULL);
GOOD
	return coherent_init(mem, dev, 1, fill_all, NULL);
END

CASE zero_sized_element expects an element needs a size
BAD
	struct nothing {
		int none[0];
	};
	COHERENT_BOX(struct nothing) empty;
	
	return sizeof(empty) > 0;
GOOD
	COHERENT_BOX(struct other) full;
	
	return sizeof(full) > 0;
END

CASE over_aligned_element expects more than page alignment
BAD
	struct wide {
		int x __attribute__((aligned(8192)));
	};
	COHERENT_BOX(struct wide) too_wide;
	
	return sizeof(too_wide) > 0;
GOOD
	struct page {
		int x __attribute__((aligned(4096)));
	};
	COHERENT_BOX(struct page) as_wide_as_a_page;
	
	return sizeof(as_wide_as_a_page) > 0;
END

CASE void_element expects an element cannot be void
BAD
	COHERENT(void) nothing;
	
	return sizeof(nothing) > 0;
GOOD
	COHERENT(uint8_t) bytes;
	
	return sizeof(bytes) > 0;
END

CASE incomplete_element expects incomplete type
BAD
	COHERENT(struct nowhere) nothing;
	
	return sizeof(nothing) > 0;
GOOD
	COHERENT(struct other) something;
	
	return sizeof(something) > 0;
END

/* Fields. */

CASE field_of_three_bytes expects a field is an integer
BAD
	uint8_t out[3];
	
	return coherent_read(mem, 0, .three, &out);
GOOD
	return coherent_read(mem, 0, .three[2], &u8);
END

CASE field_of_sixteen_bytes expects no single access of this width
BAD
	__extension__ __int128 out;
	
	return coherent_read(mem, 0, .wide, &out);
GOOD
	return coherent_read(mem, 0, .src, &u64);
END

CASE field_of_eight_bytes_on_32_bits on gcc-32 expects on a 64-bit CPU, 8 bytes
BAD
	return coherent_write(mem, 0, .src, 1);
GOOD
	return coherent_write(mem, 0, .len, 1);
END

CASE get_of_sixteen_bytes expects no single access of this width
BAD
	return (int)coherent_slot_get(slot, .wide);
GOOD
	return (int)coherent_slot_get(slot, .src);
END

CASE put_of_three_bytes expects a field is an integer
BAD
	coherent_ring_put(ring, 0, .three, 1);
	return 0;
GOOD
	coherent_ring_put(ring, 0, .three[0], 1);
	return 0;
END

CASE struct_field expects a field is an integer
BAD
	return coherent_write(mem, 0, .pair, 1);
GOOD
	return coherent_write(mem, 0, .pair.low, 1);
END

CASE whole_struct_as_number expects a field is an integer
BAD
	return coherent_read(mem, 0, desc);
GOOD
	return coherent_copy_out(mem, 0, desc, 1);
END

CASE pointer_field expects a device holds no CPU pointers
BAD
	return coherent_read(mem, 0, .cookie, &pointer);
GOOD
	return coherent_read(mem, 0, .src, &u64);
END

CASE bool_field expects use uint8_t
BAD
	bool out;
	
	return coherent_read(mem, 0, .done, &out);
GOOD
	return coherent_read(mem, 0, .three[0], &u8);
END

CASE bit_field expects bit-?field
BAD
	return coherent_read(mem, 0, .bit, &u32);
GOOD
	return coherent_read(mem, 0, .len, &u32);
END

CASE write_bit_field expects bit-?field
BAD
	return coherent_write(mem, 0, .bit, 1);
GOOD
	return coherent_write(mem, 0, .len, 1);
END

CASE get_bit_field expects bit-?field
BAD
	return (int)coherent_slot_get(slot, .bit);
GOOD
	return (int)coherent_slot_get(slot, .len);
END

CASE misaligned_packed_field expects misaligned field
BAD
	return coherent_read(packed_mem, 0, .len, &u32);
GOOD
	return coherent_read(packed_mem, 0, .kind, &u8);
END

CASE misaligned_stride expects misaligned field
BAD
	return coherent_read(odd_mem, 0, .len, &u32);
GOOD
	return coherent_read(odd_mem, 0, .rest[1], &u8);
END

CASE misaligned_view expects misaligned field
BAD
	union u32_view out;
	
	return coherent_view_field(packed_mem, 0, .len, &out);
GOOD
	COHERENT_VIEW(uint8_t) out;
	
	return coherent_view_field(packed_mem, 0, .rest, &out);
END

CASE inner_index_past_the_end expects exceeds array bounds
BAD
	return coherent_read(mem, 0, .flags[2], &u16);
GOOD
	return coherent_read(mem, 0, .flags[1], &u16);
END

CASE write_inner_index_past_the_end expects exceeds array bounds
BAD
	return coherent_write(mem, 0, .flags[2], 1);
GOOD
	return coherent_write(mem, 0, .flags[1], 1);
END

CASE get_inner_index_past_the_end expects exceeds array bounds
BAD
	return coherent_slot_get(slot, .be[2]);
GOOD
	return coherent_slot_get(slot, .be[1]);
END

CASE ring_put_inner_index_past_the_end expects exceeds array bounds
BAD
	coherent_ring_put(ring, 0, .three[3], 1);
	return 0;
GOOD
	coherent_ring_put(ring, 0, .three[2], 1);
	return 0;
END

CASE negative_inner_index expects array (index|designator)
BAD
	return coherent_read(mem, 0, .flags[-1], &u16);
GOOD
	return coherent_read(mem, 0, .flags[0], &u16);
END

CASE variable_inner_index expects nonconstant array index|not an integer constant
BAD
	return coherent_read(mem, 0, .flags[n], &u16);
GOOD
	return coherent_view_field(mem, 0, .flags, u16_view) || coherent_read(u16_view, (size_t)n, &u16);
END

CASE no_such_field expects no member named
BAD
	return coherent_read(mem, 0, .length, &u32);
GOOD
	return coherent_read(mem, 0, .len, &u32);
END

CASE field_without_dot expects expected
BAD
	return coherent_read(mem, 0, len, &u32);
GOOD
	return coherent_read(mem, 0, .len, &u32);
END

/* Values. */

CASE read_into_narrower expects a variable of the type of the field
BAD
	return coherent_read(mem, 0, .len, &u16);
GOOD
	return coherent_read(mem, 0, .len, &u32);
END

CASE read_into_wider expects a variable of the type of the field
BAD
	return coherent_read(mem, 0, .len, &u64);
GOOD
	return coherent_read(mem, 0, .len, &u32);
END

CASE read_into_other_sign expects a variable of the type of the field
BAD
	int out;
	
	return coherent_read(mem, 0, .len, &out);
GOOD
	return coherent_read(mem, 0, .len, &u32);
END

CASE read_little_endian_raw expects a variable of the type of the field
BAD
	coherent_le32 out;
	
	return coherent_read(mem, 0, .le, &out);
GOOD
	return coherent_read(mem, 0, .le, &u32);
END

CASE poll_into_narrower expects a variable of the type of the field
BAD
	return coherent_poll(mem, 0, .len, &u8, u8 == 1, 1);
GOOD
	return coherent_poll(mem, 0, .len, &u32, u32 == 1, 1);
END

CASE write_pointer expects the value must be a number
BAD
	return coherent_write(mem, 0, .src, pointer);
GOOD
	return coherent_write(mem, 0, .src, 1);
END

CASE put_pointer expects the value must be a number
BAD
	coherent_ring_put(ring, 0, .src, desc);
	return 0;
GOOD
	coherent_ring_put(ring, 0, .src, coherent_addr(mem).raw);
	return 0;
END

CASE write_address_struct expects the value must be a number
BAD
	return coherent_write(mem, 0, .src, coherent_addr(mem));
GOOD
	return coherent_write(mem, 0, .src, coherent_addr(mem).raw);
END

CASE write_float_to_integer expects an integer for an integer field
BAD
	return coherent_write(mem, 0, .len, 1.5);
GOOD
	return coherent_write(mem, 0, .len, 1);
END

CASE write_little_endian_value expects the value must be a number
BAD
	return coherent_write(mem, 0, .le, coherent_cpu_to_le32(1));
GOOD
	return coherent_write(mem, 0, .le, 1);
END

CASE write_const_field expects read-only|const-qualified
BAD
	return coherent_write(mem, 0, .id, 1);
GOOD
	return coherent_write(mem, 0, .len, 1);
END

CASE write_const_element expects read-only|const-qualified
BAD
	return coherent_write(const_mem, 0, .value, 1);
GOOD
	return coherent_read(const_mem, 0, .value, &u32);
END

CASE write_through_const_mem expects this object is const
BAD
	return coherent_write(const_a_mem, 0, .len, 1);
GOOD
	return coherent_read(const_a_mem, 0, .len, &u32);
END

CASE put_through_const_slot expects this object is const
BAD
	coherent_slot_put(const_slot, .len, 1);
	return 0;
GOOD
	return (int)coherent_slot_get(const_slot, .len);
END

CASE put_through_const_ring expects this object is const
BAD
	coherent_ring_put(const_ring, 0, .len, 1);
	return 0;
GOOD
	return (int)coherent_ring_get(const_ring, 0, .len);
END

CASE write_through_const_box expects read-only|const-qualified
BAD
	coherent_box_ptr(const_box)[0].len = 1;
	return 0;
GOOD
	return (int)coherent_box_ptr(const_box)[0].len;
END

CASE expose_into_const_mem expects this object is const
BAD
	return coherent_expose(box, const_a_mem);
GOOD
	return coherent_expose(box, mem);
END

/* Addresses and byte orders are not numbers. */

CASE integer_as_address expects incompatible type
BAD
	takes_addr(0x1000);
	return 0;
GOOD
	takes_addr(coherent_addr(mem));
	return 0;
END

CASE pointer_as_address expects incompatible type
BAD
	takes_addr(pointer);
	return 0;
GOOD
	takes_addr(coherent_addr(mem));
	return 0;
END

CASE raw_address_as_address expects incompatible type
BAD
	takes_addr(coherent_addr(mem).raw);
	return 0;
GOOD
	takes_addr((coherent_addr_t){ coherent_addr(mem).raw });
	return 0;
END

CASE integer_to_try expects incompatible type
BAD
	return coherent_sim_try_addr(dev, 0x1000, pointer, 1, COHERENT_ACCESS_READ);
GOOD
	return coherent_sim_try_addr(dev, addr, pointer, 1, COHERENT_ACCESS_READ);
END

CASE address_into_integer expects incompatible.*pointer
BAD
	return coherent_addr_at(mem, 0, &u64);
GOOD
	return coherent_addr_at(mem, 0, &addr);
END

CASE address_as_number expects invalid operands
BAD
	return coherent_addr(mem) + 1 != 0;
GOOD
	return coherent_addr(mem).raw + 1 != 0;
END

CASE address_as_pointer expects cannot convert|operand of type
BAD
	return *(char *)coherent_addr(mem);
GOOD
	return coherent_addr(mem).raw != 0;
END

CASE addresses_compared expects invalid operands
BAD
	return coherent_addr(mem) == coherent_addr(mem2);
GOOD
	return coherent_addr(mem).raw == coherent_addr(mem2).raw;
END

CASE arithmetic_on_little_endian expects invalid operands
BAD
	return coherent_box_ptr(box)[0].le + 1 != 0;
GOOD
	return coherent_le32_to_cpu(coherent_box_ptr(box)[0].le) + 1 != 0;
END

CASE increment_of_little_endian expects wrong type argument to increment|cannot increment
BAD
	coherent_box_ptr(box)[0].le++;
	return 0;
GOOD
	coherent_box_ptr(box)[0].le = coherent_cpu_to_le32(1);
	return 0;
END

CASE number_into_little_endian expects incompatible type
BAD
	coherent_box_ptr(box)[0].le = 5;
	return 0;
GOOD
	coherent_box_ptr(box)[0].le = coherent_cpu_to_le32(5);
	return 0;
END

CASE big_endian_into_little expects incompatible type
BAD
	coherent_box_ptr(box)[0].le = coherent_cpu_to_be32(5);
	return 0;
GOOD
	coherent_box_ptr(box)[0].le = coherent_cpu_to_le32(5);
	return 0;
END

/* Options. */

CASE option_of_expose_at_allocation expects no member named .permission|field designator
BAD
	return coherent_box_zeroed(box, dev, 1, .permission = COHERENT_READ_ONLY);
GOOD
	return coherent_zeroed(mem, dev, 1, .permission = COHERENT_READ_ONLY);
END

CASE option_of_allocation_at_expose expects no member named .align|field designator
BAD
	return coherent_expose(box, mem, .align = 4096);
GOOD
	return coherent_box_zeroed(box, dev, 1, .align = 4096);
END

CASE option_of_expose_at_reclaim expects no member named .permission|field designator
BAD
	return coherent_reclaim(mem, box, .permission = COHERENT_READ_ONLY);
GOOD
	return coherent_reclaim(mem, box, .idle = true);
END

CASE option_of_reclaim_at_expose expects no member named .idle|field designator
BAD
	return coherent_expose(box, mem, .idle = true);
GOOD
	return coherent_expose(box, mem, .permission = COHERENT_READ_ONLY);
END

CASE option_of_open_at_allocation expects no member named .report|field designator
BAD
	return coherent_box_zeroed(box, dev, 1, .report = coherent_report_stderr);
GOOD
	return coherent_device_open(&dev, "sim:edu", .report = coherent_report_stderr);
END

CASE seal_at_box expects no member named .seal|field designator
BAD
	return coherent_box_zeroed(box, dev, 1, .seal = seal);
GOOD
	return coherent_zeroed(mem, dev, 1, .seal = seal);
END

CASE exposure_of_another_type expects the box and the mem hold different element types
BAD
	return coherent_expose_all(COHERENT_EXPOSURE(box, other_mem));
GOOD
	return coherent_expose_all(COHERENT_EXPOSURE(box, mem), COHERENT_EXPOSURE(other_box, other_mem));
END

CASE exposure_of_a_mem expects this needs a box
BAD
	return coherent_expose_all(COHERENT_EXPOSURE(mem, mem2));
GOOD
	return coherent_expose_all(COHERENT_EXPOSURE(box, mem2));
END

CASE exposure_into_a_box expects this needs a mem
BAD
	return coherent_expose_all(COHERENT_EXPOSURE(box, box));
GOOD
	return coherent_expose_all(COHERENT_EXPOSURE(box, mem));
END

CASE exposure_into_a_const_mem expects this object is const
BAD
	return coherent_expose_all(COHERENT_EXPOSURE(box, const_a_mem));
GOOD
	return coherent_expose_all(COHERENT_EXPOSURE(box, mem, .permission = COHERENT_READ_ONLY));
END

CASE idle_at_exposure expects no member named .idle|field designator
BAD
	return coherent_expose_all(COHERENT_EXPOSURE(box, mem, .idle = true));
GOOD
	return coherent_expose_all(COHERENT_EXPOSURE(box, mem, .seal = seal));
END

CASE box_from_pool_of_another_type expects the pool and the box hold different element types
BAD
	return coherent_pool_box(pool, other_box);
GOOD
	return coherent_pool_box(pool, box);
END

CASE mem_from_pool expects this needs a box
BAD
	return coherent_pool_box(pool, mem);
GOOD
	return coherent_pool_box(pool, box);
END

CASE pool_of_a_box expects this needs a pool
BAD
	return coherent_pool_box(box, box);
GOOD
	return coherent_pool_box(pool, box);
END

CASE destroy_of_a_mem expects this needs a pool
BAD
	return coherent_pool_destroy(mem);
GOOD
	return coherent_pool_destroy(pool);
END

CASE pool_is_no_box expects this needs a box
BAD
	return coherent_box_ptr(pool) != NULL;
GOOD
	return coherent_box_ptr(box) != NULL;
END

CASE pool_is_not_moved expects only a box or a mem is moved
BAD
	coherent_move(pool, pool);
	return 0;
GOOD
	coherent_move(mem, mem2);
	return 0;
END

CASE seal_at_pool expects no member named .seal|field designator
BAD
	return coherent_pool_create(pool, dev, .seal = seal);
GOOD
	return coherent_pool_create(pool, dev, .delay = 1);
END

CASE option_of_pool_without_name expects pointer
BAD
	return coherent_pool_create(pool, dev, 64);
GOOD
	return coherent_pool_create(pool, dev, .align = 64);
END

CASE seal_at_handle expects no member named .seal|field designator
BAD
	return coherent_handle_zeroed(&handle, dev, 1, .seal = seal);
GOOD
	return coherent_handle_zeroed(&handle, dev, 1, .permission = COHERENT_READ_ONLY);
END

CASE misspelt_option expects no member named .alling|field designator
BAD
	return coherent_box_zeroed(box, dev, 1, .alling = 4096);
GOOD
	return coherent_box_zeroed(box, dev, 1, .align = 4096);
END

CASE option_without_a_name expects pointer
BAD
	return coherent_box_zeroed(box, dev, 1, 4096);
GOOD
	return coherent_box_zeroed(box, dev, 1, .align = 4096);
END

CASE permission_by_its_old_name expects no member named .may|field designator
BAD
	return coherent_expose(box, mem, .may = 1);
GOOD
	return coherent_expose(box, mem, .permission = COHERENT_READ_ONLY);
END

CASE permission_without_its_name expects pointer
BAD
	return coherent_expose(box, mem, COHERENT_READ_ONLY);
GOOD
	return coherent_expose(box, mem, .permission = COHERENT_READ_ONLY);
END

CASE idle_without_its_name expects pointer
BAD
	return coherent_reclaim(mem, box, true);
GOOD
	return coherent_reclaim(mem, box, .idle = true);
END

CASE seal_of_other_type expects incompatible.*pointer
BAD
	return coherent_expose(box, mem, .seal = not_a_seal);
GOOD
	return coherent_expose(box, mem, .seal = seal);
END

CASE number_as_seal expects integer
BAD
	return coherent_expose(box, mem, .seal = 5);
GOOD
	return coherent_expose(box, mem, .seal = NULL);
END

CASE option_twice expects overw?ri[dt]
BAD
	return coherent_box_zeroed(box, dev, 1, .align = 1, .align = 2);
GOOD
	return coherent_box_zeroed(box, dev, 1, .align = 1, .level = COHERENT_IOMMU);
END

CASE count_missing expects expected
BAD
	return coherent_box_zeroed(box, dev);
GOOD
	return coherent_box_zeroed(box, dev, 1);
END

CASE pointer_as_count expects integer
BAD
	return coherent_box_zeroed(box, dev, pointer);
GOOD
	return coherent_box_zeroed(box, dev, 1);
END

CASE other_pointer_as_device expects incompatible.*pointer
BAD
	return coherent_box_zeroed(box, bar, 1);
GOOD
	return coherent_box_zeroed(box, dev, 1);
END

CASE other_pointer_to_open expects incompatible.*pointer
BAD
	return coherent_device_open(&bar, "sim:edu");
GOOD
	return coherent_device_open(&dev, "sim:edu");
END

/* Copies that would carry padding. */

CASE element_too_large_to_copy expects an element over 64 KiB
BAD
	return coherent_box_from(huge_box, dev, huge, 1);
GOOD
	return coherent_box_zeroed(huge_box, dev, 1);
END

CASE padding_that_clang_cannot_see on clang expects cannot see the padding of this type
BAD
	return coherent_copy_in(unlisted_mem, 0, unlisted, 1);
GOOD
	return coherent_copy_in(padded_mem, 0, padded, 1);
END

/* An ignored result. */

CASE copy_into_const_elements expects const: they can only be read
BAD
	return coherent_copy_in(const_mem, 0, const_status, 1);
GOOD
	return coherent_copy_in(status_mem, 0, const_status, 1);
END

CASE copy_into_a_field_of_const_elements expects const: they can only be read
BAD
	return coherent_copy_in_field(const_mem, 0, .parts, 0, &u32, 4);
GOOD
	return coherent_copy_in_field(status_mem, 0, .parts, 0, &u32, 4);
END

CASE copy_into_a_const_mem expects const: they can only be read
BAD
	return coherent_copy_in_field(const_a_mem, 0, .flags, 0, &u32, 4);
GOOD
	return coherent_copy_in_field(mem, 0, .flags, 0, &u32, 4);
END

CASE copy_in_of_part_of_a_number expects read and written as a whole
BAD
	return coherent_copy_in_field(mem, 0, .len, 0, &u32, 4);
GOOD
	return coherent_copy_in_field(mem, 0, .flags, 0, &u32, 4);
END

CASE copy_into_a_struct_field expects a struct has padding
BAD
	return coherent_copy_in_field(mem, 0, .pair, 0, &u32, 4);
GOOD
	return coherent_copy_in_field(mem, 0, .be, 0, &u32, 4);
END

CASE field_left_out_of_the_list expects fields are missing
BAD
	struct two { uint32_t a, b; };
	COHERENT_NEEDS_ALL_FIELDS(struct two, .a);
	return 0;
GOOD
	struct two { uint32_t a, b; };
	COHERENT_NEEDS_ALL_FIELDS(struct two, .a, .b);
	return 0;
END

CASE copy_out_of_part_of_a_number expects read and written as a whole
BAD
	return coherent_copy_out_field(mem, 0, .len, 0, &u32, 4);
GOOD
	return coherent_copy_out_field(mem, 0, .pair, 0, &u32, 4);
END

CASE copy_out_to_const expects discards
BAD
	return coherent_copy_out(status_mem, 0, const_status, 1);
GOOD
	return coherent_copy_out(status_mem, 0, status, 1);
END

CASE read_to_const expects discards
BAD
	return coherent_read(status_mem, 0, .value, const_u32);
GOOD
	return coherent_read(status_mem, 0, .value, &u32);
END

CASE view_that_drops_const expects needs a const element type
BAD
	return coherent_view(const_mem, 0, 1, status_view);
GOOD
	return coherent_view(const_mem, 0, 1, const_status_view);
END

CASE view_of_a_const_mem expects needs a const element type
BAD
	return coherent_view(const_a_mem, 0, 1, view);
GOOD
	return coherent_view(const_a_mem, 0, 1, const_view);
END

CASE view_of_a_field_that_drops_const expects needs a const element type
BAD
	return coherent_view_field(const_a_mem, 0, .flags, u16_view);
GOOD
	return coherent_view_field(const_a_mem, 0, .flags, const_u16_view);
END

CASE slot_that_drops_const expects needs a const element type
BAD
	return coherent_slot(const_mem, 0, status_slot);
GOOD
	return coherent_slot(const_mem, 0, const_status_slot);
END

CASE ring_that_drops_const expects needs a const element type
BAD
	return coherent_ring(const_mem, status_ring);
GOOD
	return coherent_ring(const_mem, const_status_ring);
END

CASE free_of_a_const_mem expects discards
BAD
	coherent_free(const_a_mem);
	return 0;
GOOD
	coherent_free(mem);
	return 0;
END

CASE free_of_a_const_box expects discards
BAD
	coherent_box_free(const_box);
	return 0;
GOOD
	coherent_box_free(box);
	return 0;
END

CASE move_of_a_const_mem expects discards
BAD
	coherent_move(const_a_mem, mem);
	return 0;
GOOD
	coherent_move(mem2, mem);
	return 0;
END

CASE move_of_a_const_box expects discards
BAD
	coherent_move(const_box, box);
	return 0;
GOOD
	coherent_move(box, box);
	return 0;
END

CASE reclaim_of_a_const_mem expects discards
BAD
	return coherent_reclaim(const_a_mem, box);
GOOD
	return coherent_reclaim(mem, box);
END

CASE expose_of_a_const_box expects discards
BAD
	return coherent_expose(const_box, mem);
GOOD
	return coherent_expose(box, mem);
END

CASE is_empty_of_something_else expects _Generic|compatible
BAD
	return coherent_is_empty(stranger);
GOOD
	return coherent_is_empty(&handle);
END

CASE ignored_addr_at expects ignoring return value
BAD
	coherent_addr_at(mem, 0, &addr);
	return 0;
GOOD
	return coherent_addr_at(mem, 0, &addr);
END

CASE ignored_bar_open expects ignoring return value
BAD
	coherent_bar_open(&bar, dev, 0);
	return 0;
GOOD
	return coherent_bar_open(&bar, dev, 0);
END

CASE ignored_bar_poll32 expects ignoring return value
BAD
	coherent_bar_poll32(bar, 0, 1, 1, 1);
	return 0;
GOOD
	return coherent_bar_poll32(bar, 0, 1, 1, 1);
END

CASE ignored_box_from expects ignoring return value
BAD
	coherent_box_from(other_box, dev, other, 1);
	return 0;
GOOD
	return coherent_box_from(other_box, dev, other, 1);
END

CASE ignored_box_init_at expects ignoring return value
BAD
	coherent_box_init_at(box, 0, fill, NULL);
	return 0;
GOOD
	return coherent_box_init_at(box, 0, fill, NULL);
END

CASE ignored_box_zeroed expects ignoring return value
BAD
	coherent_box_zeroed(box, dev, 1);
	return 0;
GOOD
	return coherent_box_zeroed(box, dev, 1);
END

CASE ignored_copy_in expects ignoring return value
BAD
	coherent_copy_in(padded_mem, 0, padded, 1);
	return 0;
GOOD
	return coherent_copy_in(padded_mem, 0, padded, 1);
END

CASE ignored_copy_in_field expects ignoring return value
BAD
	coherent_copy_in_field(mem, 0, .flags, 0, &u16, 2);
	return 0;
GOOD
	return coherent_copy_in_field(mem, 0, .flags, 0, &u16, 2);
END

CASE ignored_copy_out expects ignoring return value
BAD
	coherent_copy_out(mem, 0, desc, 1);
	return 0;
GOOD
	return coherent_copy_out(mem, 0, desc, 1);
END

CASE ignored_copy_out_field expects ignoring return value
BAD
	coherent_copy_out_field(mem, 0, .flags, 0, &u16, 2);
	return 0;
GOOD
	return coherent_copy_out_field(mem, 0, .flags, 0, &u16, 2);
END

CASE ignored_device_fence expects ignoring return value
BAD
	coherent_device_fence(dev);
	return 0;
GOOD
	return coherent_device_fence(dev);
END

CASE ignored_device_limits expects ignoring return value
BAD
	coherent_device_limits(dev, pointer);
	return 0;
GOOD
	return coherent_device_limits(dev, pointer);
END

CASE ignored_device_next_fault expects ignoring return value
BAD
	coherent_device_next_fault(dev, pointer);
	return 0;
GOOD
	return coherent_device_next_fault(dev, pointer);
END

CASE ignored_device_open expects ignoring return value
BAD
	coherent_device_open(&dev, "sim:edu");
	return 0;
GOOD
	return coherent_device_open(&dev, "sim:edu");
END

CASE ignored_device_reset expects ignoring return value
BAD
	coherent_device_reset(dev);
	return 0;
GOOD
	return coherent_device_reset(dev);
END

CASE ignored_device_set_mask expects ignoring return value
BAD
	coherent_device_set_mask(dev, 1);
	return 0;
GOOD
	return coherent_device_set_mask(dev, 1);
END

CASE ignored_expose expects ignoring return value
BAD
	coherent_expose(box, mem);
	return 0;
GOOD
	return coherent_expose(box, mem);
END

CASE ignored_device_stats expects ignoring return value
BAD
	coherent_device_stats(dev, stats);
	return 0;
GOOD
	return coherent_device_stats(dev, stats);
END

CASE ignored_expose_all expects ignoring return value
BAD
	coherent_expose_all(COHERENT_EXPOSURE(box, mem));
	return 0;
GOOD
	return coherent_expose_all(COHERENT_EXPOSURE(box, mem));
END

CASE ignored_find_addr expects ignoring return value
BAD
	coherent_find_addr(dev, u64, info);
	return 0;
GOOD
	return coherent_find_addr(dev, u64, info);
END

CASE ignored_find_ptr expects ignoring return value
BAD
	coherent_find_ptr(dev, pointer, info);
	return 0;
GOOD
	return coherent_find_ptr(dev, pointer, info);
END

CASE ignored_from expects ignoring return value
BAD
	coherent_from(other_mem, dev, other, 1);
	return 0;
GOOD
	return coherent_from(other_mem, dev, other, 1);
END

CASE ignored_handle_zeroed expects ignoring return value
BAD
	coherent_handle_zeroed(&handle, dev, 1);
	return 0;
GOOD
	return coherent_handle_zeroed(&handle, dev, 1);
END

CASE ignored_init expects ignoring return value
BAD
	coherent_init(mem, dev, 1, fill_all, NULL);
	return 0;
GOOD
	return coherent_init(mem, dev, 1, fill_all, NULL);
END

CASE ignored_irq_open expects ignoring return value
BAD
	coherent_irq_open(&irq, dev, 0);
	return 0;
GOOD
	return coherent_irq_open(&irq, dev, 0);
END

CASE ignored_irq_wait expects ignoring return value
BAD
	coherent_irq_wait(irq, 1);
	return 0;
GOOD
	return coherent_irq_wait(irq, 1);
END

CASE ignored_poll expects ignoring return value
BAD
	coherent_poll(mem, 0, .len, &u32, u32 == 1, 1);
	return 0;
GOOD
	return coherent_poll(mem, 0, .len, &u32, u32 == 1, 1);
END

CASE ignored_pool_box expects ignoring return value
BAD
	coherent_pool_box(pool, box);
	return 0;
GOOD
	return coherent_pool_box(pool, box);
END

CASE ignored_pool_create expects ignoring return value
BAD
	coherent_pool_create(pool, dev);
	return 0;
GOOD
	return coherent_pool_create(pool, dev);
END

CASE ignored_pool_destroy expects ignoring return value
BAD
	coherent_pool_destroy(pool);
	return 0;
GOOD
	return coherent_pool_destroy(pool);
END

CASE ignored_read expects ignoring return value
BAD
	coherent_read(mem, 0, .len, &u32);
	return 0;
GOOD
	return coherent_read(mem, 0, .len, &u32);
END

CASE ignored_read_acquire expects ignoring return value
BAD
	coherent_read_acquire(mem, 0, .len, &u32);
	return 0;
GOOD
	return coherent_read_acquire(mem, 0, .len, &u32);
END

CASE ignored_reclaim expects ignoring return value
BAD
	coherent_reclaim(mem, box);
	return 0;
GOOD
	return coherent_reclaim(mem, box);
END

CASE ignored_ring expects ignoring return value
BAD
	coherent_ring(mem, ring);
	return 0;
GOOD
	return coherent_ring(mem, ring);
END

CASE ignored_sim_dma_read expects ignoring return value
BAD
	coherent_sim_dma_read(sim, 0, pointer, 1);
	return 0;
GOOD
	return coherent_sim_dma_read(sim, 0, pointer, 1);
END

CASE ignored_sim_dma_write expects ignoring return value
BAD
	coherent_sim_dma_write(sim, 0, pointer, 1);
	return 0;
GOOD
	return coherent_sim_dma_write(sim, 0, pointer, 1);
END

CASE ignored_sim_step expects ignoring return value
BAD
	coherent_sim_step(dev, 1);
	return 0;
GOOD
	return coherent_sim_step(dev, 1);
END

CASE ignored_sim_try expects ignoring return value
BAD
	coherent_sim_try(dev, box, 0, pointer, 1, COHERENT_ACCESS_READ);
	return 0;
GOOD
	return coherent_sim_try(dev, box, 0, pointer, 1, COHERENT_ACCESS_READ);
END

CASE ignored_sim_try_addr expects ignoring return value
BAD
	coherent_sim_try_addr(dev, addr, pointer, 1, COHERENT_ACCESS_READ);
	return 0;
GOOD
	return coherent_sim_try_addr(dev, addr, pointer, 1, COHERENT_ACCESS_READ);
END

CASE ignored_slot expects ignoring return value
BAD
	coherent_slot(mem, 0, slot);
	return 0;
GOOD
	return coherent_slot(mem, 0, slot);
END

CASE ignored_view expects ignoring return value
BAD
	coherent_view(mem, 0, 1, view);
	return 0;
GOOD
	return coherent_view(mem, 0, 1, view);
END

CASE ignored_view_field expects ignoring return value
BAD
	coherent_view_field(mem, 0, .flags, u16_view);
	return 0;
GOOD
	return coherent_view_field(mem, 0, .flags, u16_view);
END

CASE ignored_write expects ignoring return value
BAD
	coherent_write(mem, 0, .len, 1);
	return 0;
GOOD
	return coherent_write(mem, 0, .len, 1);
END

CASE ignored_write_release expects ignoring return value
BAD
	coherent_write_release(mem, 0, .len, 1);
	return 0;
GOOD
	return coherent_write_release(mem, 0, .len, 1);
END

CASE ignored_zeroed expects ignoring return value
BAD
	coherent_zeroed(mem, dev, 1);
	return 0;
GOOD
	return coherent_zeroed(mem, dev, 1);
END
