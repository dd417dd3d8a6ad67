package hdf5

import (
	"math/bits"

	"striate/internal/fault"
)

// btree2 is a version 2 B-tree: sorted records of one size, in nodes of one size.
type btree2 struct {
	f                    *File
	nodeSize, recordSize uint64
	levels               []btree2Level // of the nodes at each height, leaves first
	visited              int
	fn                   func(record []byte) error
}

// btree2Level says how a pointer to a node of that height is written: the widths of the number of
// its records and of all records below it depend on how many there can be.
type btree2Level struct {
	maxRecords, total     uint64
	countBytes, treeBytes int
}

const btree2Overhead = 10 // signature, version, type, checksum

// walkBTree2 calls fn with the records of the tree in order.
func (f *File) walkBTree2(address uint64, fn func(record []byte) error) error {
	c, err := f.block(address, uint64(22+f.offsetSize+f.lengthSize), "BTHD")
	if err != nil {
		return err
	}
	c.skip(2)
	t := &btree2{f: f, fn: fn, nodeSize: uint64(c.u32()), recordSize: uint64(c.u16())}
	depth := int(c.u16())
	c.skip(2)
	root, count := c.offset(), uint64(c.u16())
	if root == undefined || count == 0 {
		return nil
	}
	if t.recordSize == 0 || t.nodeSize < btree2Overhead+t.recordSize || depth > 32 {
		return fault.Invalidf("damaged HDF5 file: B-tree of %d-byte records in %d-byte nodes", t.recordSize, t.nodeSize)
	}
	t.plan(depth)
	return t.node(root, count, depth)
}

// plan computes the widths of the counts in pointers, as the format defines them.
func (t *btree2) plan(depth int) {
	leaf := btree2Level{maxRecords: (t.nodeSize - btree2Overhead) / t.recordSize}
	leaf.total = leaf.maxRecords
	leaf.countBytes = encodedBytes(leaf.maxRecords)
	t.levels = append(t.levels, leaf)
	for h := 1; h <= depth; h++ {
		below := t.levels[h-1]
		pointer := uint64(t.f.offsetSize + leaf.countBytes + below.treeBytes)
		l := btree2Level{maxRecords: (t.nodeSize - min(t.nodeSize, btree2Overhead+pointer)) / (t.recordSize + pointer)}
		l.total = l.maxRecords + (l.maxRecords+1)*below.total
		l.countBytes, l.treeBytes = leaf.countBytes, encodedBytes(l.total)
		t.levels = append(t.levels, l)
	}
}

// encodedBytes is the number of bytes that hold numbers up to limit.
func encodedBytes(limit uint64) int { return (max(bits.Len64(limit), 1)-1)/8 + 1 }

func (t *btree2) node(address, count uint64, height int) error {
	if t.visited++; t.visited > maxBlocks || count > t.levels[height].maxRecords {
		return fault.Invalidf("damaged HDF5 file: B-tree node with %d records", count)
	}
	name := "BTLF"
	if height > 0 {
		name = "BTIN"
	}
	c, err := t.f.block(address, t.nodeSize, name)
	if err != nil {
		return err
	}
	c.skip(2)
	records := c.bytes(int(count * t.recordSize))
	if c.err != nil {
		return c.err
	}
	for i := uint64(0); i <= count; i++ {
		if height > 0 {
			below := t.levels[height-1]
			child, n := c.offset(), c.uint(below.countBytes)
			c.skip(below.treeBytes)
			if c.err != nil {
				return c.err
			}
			if err := t.node(child, n, height-1); err != nil {
				return err
			}
		}
		if i < count {
			if err := t.fn(records[i*t.recordSize : (i+1)*t.recordSize]); err != nil {
				return err
			}
		}
	}
	return nil
}
