package hdf5

import "striate/internal/fault"

// The messages of object headers that are read.
const (
	msgDataspace    = 0x01
	msgLinkInfo     = 0x02
	msgDatatype     = 0x03
	msgFill         = 0x05
	msgLink         = 0x06
	msgLayout       = 0x08
	msgFilters      = 0x0b
	msgAttribute    = 0x0c
	msgContinuation = 0x10
	msgSymbolTable  = 0x11
	msgAttributes   = 0x15
)

const flagShared = 2

type message struct {
	kind  uint16
	flags uint8
	data  []byte
}

// maxBlocks bounds the continuation blocks of a header and the nodes of a tree: the largest files
// of this kind have some thousand chunks.
const maxBlocks = 1 << 22

// messages reads the header of an object.
func (f *File) messages(address uint64) ([]message, error) {
	head, err := f.read(address, 4)
	if err != nil {
		return nil, err
	}
	h := headerReader{f: f}
	if string(head) == "OHDR" {
		err = h.version2(address)
	} else {
		err = h.version1(address)
	}
	return h.found, err
}

type headerReader struct {
	f       *File
	found   []message
	pending [][2]uint64 // continuation blocks to read: address and length
	order   bool        // version 2: messages carry their creation order
}

func (h *headerReader) version1(address uint64) error {
	b, err := h.f.read(address, 16)
	if err != nil {
		return err
	}
	c := h.f.cursor(b)
	if v := c.u8(); v != 1 {
		return fault.Invalidf("damaged HDF5 file: no object header at address %d", address)
	}
	c.skip(7)
	h.pending = append(h.pending, [2]uint64{address + 16, uint64(c.u32())})
	return h.follow(func(at, n uint64) error {
		b, err := h.f.read(at, n)
		if err != nil {
			return err
		}
		c := h.f.cursor(b)
		for c.left() >= 8 && c.err == nil {
			m := message{kind: c.u16()}
			size := int(c.u16())
			m.flags = c.u8()
			c.skip(3)
			m.data = c.bytes(size)
			h.add(m)
		}
		return c.err
	})
}

func (h *headerReader) version2(address uint64) error {
	b, err := h.f.read(address, min(34, h.f.size-h.f.base-address))
	if err != nil {
		return err
	}
	c := h.f.cursor(b)
	c.skip(5)
	flags := c.u8()
	h.order = flags&4 != 0
	if flags&0x20 != 0 {
		c.skip(16)
	}
	if flags&0x10 != 0 {
		c.skip(4)
	}
	size := c.uint(1 << (flags & 3))
	if c.err != nil {
		return c.err
	}
	body, err := h.f.read(address+uint64(c.at), size)
	if err != nil {
		return err
	}
	if err := h.records(body); err != nil {
		return err
	}
	return h.follow(func(at, n uint64) error {
		c, err := h.f.block(at, n, "OCHK")
		if err != nil {
			return err
		}
		if c.left() < 4 {
			return fault.Invalidf("damaged HDF5 file: header continuation of %d bytes", n)
		}
		return h.records(c.b[4 : len(c.b)-4]) // without the checksum
	})
}

// records reads the messages of a version 2 block; what is shorter than a message head is a gap.
func (h *headerReader) records(b []byte) error {
	c := h.f.cursor(b)
	head := 4
	if h.order {
		head = 6
	}
	for c.left() >= head && c.err == nil {
		m := message{kind: uint16(c.u8())}
		size := int(c.u16())
		m.flags = c.u8()
		c.skip(head - 4)
		m.data = c.bytes(size)
		h.add(m)
	}
	return c.err
}

func (h *headerReader) add(m message) {
	if m.kind == msgContinuation {
		c := h.f.cursor(m.data)
		h.pending = append(h.pending, [2]uint64{c.offset(), c.length()})
		return
	}
	h.found = append(h.found, m)
}

func (h *headerReader) follow(read func(at, n uint64) error) error {
	seen := map[uint64]bool{}
	for len(h.pending) > 0 {
		next := h.pending[0]
		h.pending = h.pending[1:]
		if seen[next[0]] {
			return fault.Invalidf("damaged HDF5 file: an object header continues in itself")
		}
		seen[next[0]] = true
		if err := read(next[0], next[1]); err != nil {
			return err
		}
	}
	return nil
}
