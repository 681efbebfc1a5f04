package liveness

// The region, byte by byte: docs/layout.md, layout version 2.
const (
	magic       = 0x004556494c4d4853
	version     = 2
	signature   = 1988803910367273460
	headerBytes = 256
	slotBytes   = 1024
	bankBytes   = 512
	recordBytes = 3072
	lifeBytes   = 1472
	maxSlots    = 4096
	nameBytes   = 64
	statusBytes = 56

	claimByte     = 1 << 40
	firstSlotByte = claimByte + 1
	lockBytes     = 1 + 65536

	stateClaimed = 2
	stateStopped = 3
)

// Offsets in the header.
const (
	atSlotCount  = 28
	atUsedSlots  = 56
	atClaimTurns = 60
)

// Offsets in a bank: Hot, Labels, Identity.
const (
	atLastBeatNs         = 0
	atBeats              = 8
	atState              = 16
	atReady              = 20
	atWorstCycleNs       = 24
	atLateCycles         = 32
	atLateAtNs           = 40
	atStallLimitNs       = 48
	atRenewedNs          = 56
	atInPhase            = 64
	atSerial             = 68
	atLabelsSequence     = 128
	atPhase              = 136
	atStatus             = 200
	atIncarnation        = 256
	atClock              = 264
	atPredecessorEnded   = 268
	atName               = 272
	atMaxAgeNs           = 336
	atCycleLimitNs       = 344
	atPid                = 352
	atTid                = 356
	atTaskStartTicks     = 360
	atClaimedNs          = 368
	atClaimedBoottimeNs  = 376
	atContainerKind      = 384
	atContainerA         = 392
	atContainerB         = 400
	atTimeNamespace      = 408
	atGraceFromBoottime  = 416
	atDeadlineBoottimeNs = 424
	atRow                = 432
)

// Offsets in a record: the restart mark, then two lives of cycles, Where and four slow places.
const (
	atLives          = 128
	atWhereSequence  = 512
	atWhereKind      = 516
	atSlowPlaces     = 1152
	slowPlaceBytes   = 80
	slowPlaces       = 4
	atSlowPlaceCount = 4
	cycleBins        = 64
)

func regionBytes(slots uint32) int64 {
	return (headerBytes + int64(slots)*(slotBytes+recordBytes) + 4095) / 4096 * 4096
}

func lockByteOf(slot, bank uint32) int64 { return firstSlotByte + 2*int64(slot) + int64(bank) }
