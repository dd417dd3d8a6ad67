package hdf5

import "striate/internal/fault"

// variable returns the bytes of an element of variable length: its length, the address of a
// collection of the global heap and a number in it. For lists the length counts elements, so that
// the size of the object in the heap is what holds; strings of one heap object share memory.
func (f *File) variable(element []byte) (string, error) {
	c := f.cursor(element)
	n, address, index := uint64(c.u32()), c.offset(), c.u32()
	if c.err != nil {
		return "", c.err
	}
	if n == 0 || address == 0 || address == undefined {
		return "", nil
	}
	objects, ok := f.heaps[address]
	if !ok {
		var err error
		if objects, err = f.collection(address); err != nil {
			return "", err
		}
		f.heaps[address] = objects
	}
	object, ok := objects[uint16(index)]
	if !ok || index > 1<<16-1 || n > uint64(len(object)) {
		return "", fault.Invalidf("damaged HDF5 file: a string that is not in its heap")
	}
	return object, nil
}

// collection reads the objects of one collection of the global heap.
func (f *File) collection(address uint64) (map[uint16]string, error) {
	head := uint64(8 + f.lengthSize)
	c, err := f.block(address, head, "GCOL")
	if err != nil {
		return nil, err
	}
	c.skip(4)
	size := c.length()
	if size < head {
		return nil, fault.Invalidf("damaged HDF5 file: a global heap of %d bytes", size)
	}
	b, err := f.read(address+head, size-head)
	if err != nil {
		return nil, err
	}
	objects := map[uint16]string{}
	c = f.cursor(b)
	for c.left() >= int(head) {
		index := c.u16()
		c.skip(6)
		n := c.length()
		if index == 0 {
			break // what follows is free
		}
		if n > uint64(c.left()) {
			return nil, fault.Invalidf("damaged HDF5 file: a string of %d bytes in a smaller heap", n)
		}
		objects[index] = string(c.bytes(int(n)))
		c.skip(min(c.left(), int(-n&7))) // padding to eight bytes
	}
	return objects, c.err
}
