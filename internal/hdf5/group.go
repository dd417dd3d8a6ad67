package hdf5

import (
	"fmt"

	"striate/internal/fault"
)

// link is a name in a group.
type link struct {
	name    string
	address uint64 // undefined for soft and external links
}

// readRoot lists the datasets and attributes of the root group; groups inside it are passed over.
func (f *File) readRoot(address uint64) error {
	messages, err := f.messages(address)
	if err != nil {
		return err
	}
	if f.Attributes, err = f.attributes(messages); err != nil {
		return err
	}
	links, err := f.links(messages)
	if err != nil {
		return err
	}
	for _, l := range links {
		if l.address == undefined {
			continue
		}
		d, err := f.dataset(l)
		if err != nil {
			return fmt.Errorf("dataset %s: %w", l.name, err)
		}
		if d != nil {
			f.Datasets = append(f.Datasets, d)
		}
	}
	return nil
}

func (f *File) links(messages []message) (links []link, err error) {
	for _, m := range messages {
		c := f.cursor(m.data)
		var more []link
		switch m.kind {
		case msgLink:
			var l link
			l, err = parseLink(c)
			more = []link{l}
		case msgLinkInfo:
			c.skip(1)
			if flags := c.u8(); flags&1 != 0 {
				c.skip(8)
			}
			heap, tree := c.offset(), c.offset()
			if err = c.err; err == nil && heap != undefined {
				more, err = f.denseLinks(heap, tree)
			}
		case msgSymbolTable:
			tree, heap := c.offset(), c.offset()
			if err = c.err; err == nil {
				more, err = f.symbols(tree, heap)
			}
		}
		if err != nil {
			return nil, err
		}
		links = append(links, more...)
	}
	return links, nil
}

func parseLink(c *cursor) (link, error) {
	l := link{address: undefined}
	c.skip(1)
	flags := c.u8()
	kind := uint8(0)
	if flags&8 != 0 {
		kind = c.u8()
	}
	if flags&4 != 0 {
		c.skip(8)
	}
	if flags&0x10 != 0 {
		c.skip(1)
	}
	n := c.uint(1 << (flags & 3))
	l.name = string(c.bytes(int(min(n, 1<<16))))
	if kind == 0 {
		l.address = c.offset()
	}
	return l, c.err
}

// denseLinks reads links kept in a fractal heap, indexed by a B-tree of records of a hash and a
// heap identifier.
func (f *File) denseLinks(heap, tree uint64) (links []link, err error) {
	h, err := f.fractalHeap(heap)
	if err != nil {
		return nil, err
	}
	err = f.walkBTree2(tree, func(record []byte) error {
		if len(record) < 4+h.idLength {
			return fault.Invalidf("damaged HDF5 file: link record of %d bytes", len(record))
		}
		object, err := h.object(record[4 : 4+h.idLength])
		if err != nil {
			return err
		}
		l, err := parseLink(f.cursor(object))
		links = append(links, l)
		return err
	})
	return links, err
}

// symbols reads the links of an old-style group: a B-tree of symbol nodes whose names are in a
// local heap.
func (f *File) symbols(tree, heap uint64) (links []link, err error) {
	c, err := f.block(heap, uint64(8+2*f.lengthSize+f.offsetSize), "HEAP")
	if err != nil {
		return nil, err
	}
	c.skip(4)
	size := c.length()
	c.length()
	names, err := f.read(c.offset(), size)
	if err != nil {
		return nil, err
	}
	walk := treeWalk{f: f, keySize: f.lengthSize, leaf: func(_ []byte, child uint64) error {
		return f.symbolNode(child, names, &links)
	}}
	return links, walk.node(tree, 0, 0)
}

func (f *File) symbolNode(address uint64, names []byte, links *[]link) error {
	c, err := f.block(address, 8, "SNOD")
	if err != nil {
		return err
	}
	c.skip(2)
	n := uint64(c.u16())
	b, err := f.read(address+8, n*uint64(2*f.offsetSize+24))
	if err != nil {
		return err
	}
	c = f.cursor(b)
	for range n {
		at, header := c.offset(), c.offset()
		c.skip(24)
		if c.err != nil || at >= uint64(len(names)) {
			return fault.Invalidf("damaged HDF5 file: a name outside the local heap")
		}
		*links = append(*links, link{cString(names[at:]), header})
	}
	return nil
}

// treeWalk visits the leaves of a version 1 B-tree.
type treeWalk struct {
	f       *File
	kind    uint8
	keySize int
	visited int
	leaf    func(key []byte, child uint64) error
}

// node visits the tree below an address; level is that of the parent's children.
func (w *treeWalk) node(address uint64, depth int, level uint8) error {
	head := uint64(8 + 2*w.f.offsetSize)
	c, err := w.f.block(address, head, "TREE")
	if err != nil {
		return err
	}
	kind, own, entries := c.u8(), c.u8(), uint64(c.u16())
	w.visited++
	if kind != w.kind || (depth > 0 && own != level) || w.visited > maxBlocks {
		return fault.Invalidf("damaged HDF5 file: a B-tree node at address %d does not fit its tree", address)
	}
	b, err := w.f.read(address+head, entries*uint64(w.keySize+w.f.offsetSize))
	if err != nil {
		return err
	}
	c = w.f.cursor(b)
	for range entries {
		key := c.bytes(w.keySize)
		child := c.offset()
		if own > 0 {
			err = w.node(child, depth+1, own-1)
		} else {
			err = w.leaf(key, child)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// cString is the text before the first zero byte.
func cString(b []byte) string {
	for i, v := range b {
		if v == 0 {
			return string(b[:i])
		}
	}
	return string(b)
}
