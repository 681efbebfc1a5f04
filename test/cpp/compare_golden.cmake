# cmake -DWRITE_GOLDEN=program -DVECTORS=test/vectors -P compare_golden.cmake
execute_process(COMMAND ${WRITE_GOLDEN} . COMMAND_ERROR_IS_FATAL ANY)
foreach(file region-v2.json region-v2.hex)
  execute_process(COMMAND ${CMAKE_COMMAND} -E compare_files ${file} ${VECTORS}/${file} RESULT_VARIABLE differs)
  if(differs)
    message(FATAL_ERROR "${file} is not what the structs write. If the layout was meant to change, it needs a new "
      "kVersion and new golden files; if not, a stored region has just become unreadable.")
  endif()
endforeach()
